-- $1 the remove job's job_id, $2 own site_code, $3 package_id, $4 version, NULL for every version, $5 reason
-- Not other remove jobs: they want the same. The fence grows under whoever copies just now, so that he cannot report the
-- copy; his lease stays and keeps others off the server until he lets go.
UPDATE waybill.job_server s
   SET state = 5, reason = $5, next_time = NULL, fence = s.fence + CASE WHEN s.state = 2 THEN 1 ELSE 0 END,
       change_time = now()
  FROM waybill.job j
 WHERE j.package_id = $3 AND ($4::bytea IS NULL OR j.version = $4) AND j.job_id <> $1 AND j.type <> 3
   AND s.job_id = j.job_id AND s.site_code = $2 AND s.state IN (1, 2, 4)
