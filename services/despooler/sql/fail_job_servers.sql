-- $1 job_id, $2 own site_code, $3 reason
-- The fence grows, so that whoever works on a row just now cannot report.
UPDATE waybill.job_server
   SET state = 5, reason = $3, next_time = NULL, fence = fence + 1, lease_end_time = '-infinity', change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND state IN (1, 2, 4, 6)
