-- $1 job_id, $2 site_code
UPDATE waybill.job_site
   SET package_removed = true, send_reason = '', change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND NOT package_removed
