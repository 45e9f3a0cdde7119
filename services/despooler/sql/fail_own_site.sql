-- $1 job_id, $2 own site_code, $3 reason
UPDATE waybill.job_site
   SET send_state = 7, send_reason = $3, send_next_time = NULL, change_time = now()
 WHERE job_id = $1 AND site_code = $2
