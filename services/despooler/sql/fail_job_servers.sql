-- $1 job_id, $2 own site_code, $3 reason
-- The fence grows under whoever works on a row just now, so that he cannot report; his lease stays and keeps others off
-- the server until he lets go.
UPDATE waybill.job_server
   SET state = 5, reason = $3, next_time = NULL, fence = fence + CASE WHEN state IN (2, 6) THEN 1 ELSE 0 END,
       change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND state IN (1, 2, 4, 6)
