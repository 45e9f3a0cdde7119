-- $1 job_id, $2 own site_code, $3 reason
UPDATE waybill.job_target
   SET state = 6, reason = $3, change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND state = 1
