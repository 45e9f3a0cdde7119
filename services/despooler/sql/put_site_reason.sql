-- $1 job_id, $2 site_code, $3 reason
UPDATE waybill.job_site
   SET send_reason = $3, change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND send_reason <> $3
