-- $1 the remove job's job_id, $2 own site_code, $3 package_id, $4 version, NULL for every version, $5 reason
-- The fence grows, so that whoever copies just now cannot report the copy.
UPDATE waybill.job_server s
   SET state = 5, reason = $5, next_time = NULL, fence = s.fence + 1, lease_end_time = '-infinity', change_time = now()
  FROM waybill.job j
 WHERE j.package_id = $3 AND ($4::bytea IS NULL OR j.version = $4) AND j.job_id <> $1
   AND s.job_id = j.job_id AND s.site_code = $2 AND s.state IN (1, 2, 4)
