-- $1 job_id, $2 site_code, $3 server_name, $4 fence, $5 reason, $6 delay, $7 whether attempts count from 0 again
-- No row when the job's deadline has passed; else the next attempt is due at the deadline at the latest.
UPDATE waybill.job_server s
   SET state = 4, reason = $5, next_time = least(now() + $6::interval, j.deadline), lease_end_time = '-infinity',
       attempt_count = CASE WHEN $7::boolean THEN 0 ELSE s.attempt_count END, change_time = now()
  FROM waybill.job j
 WHERE s.job_id = $1 AND s.site_code = $2 AND s.server_name = $3 AND s.fence = $4 AND s.state IN (2, 6)
   AND j.job_id = s.job_id AND j.deadline > now()
