-- $1 send_request_id, $2 fence, $3 reason, $4 wait, $5 attempt_count. Comes back at the deadline at the latest, to end.
UPDATE waybill.send_request r
   SET state = 5, reason = $3, attempt_count = $5, lease_end_time = '-infinity',
       next_time = greatest(now(), least(now() + $4::interval, j.deadline))
  FROM waybill.job j
 WHERE r.send_request_id = $1 AND r.fence = $2 AND r.state = 3 AND j.job_id = r.job_id
RETURNING r.send_request_id
