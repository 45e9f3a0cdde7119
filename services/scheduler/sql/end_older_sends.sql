-- $1 job_id, $2 reason. The fence is raised so that a Sender at work on one loses it.
UPDATE waybill.send_request q
   SET state = 7, reason = $2, fence = q.fence + 1, lease_end_time = '-infinity', finish_time = now()
  FROM waybill.job j
 WHERE j.job_id = $1 AND q.job_id = j.job_id AND q.revision < j.revision AND q.state NOT IN (6, 7)
