-- $1 job_id, $2 site_code, $3 sms_id behind which to go on, $4 how many
SELECT sms_id
  FROM waybill.job_target
 WHERE job_id = $1 AND site_code = $2 AND sms_id > $3
 ORDER BY sms_id
 LIMIT $4
