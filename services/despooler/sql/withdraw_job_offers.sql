-- $1 job_id, $2 own site_code, $3 reason
WITH withdrawn AS (
  UPDATE waybill.job_target
     SET state = 11, reason = $3, change_time = now()
   WHERE job_id = $1 AND site_code = $2 AND state IN (1, 2, 3)
  RETURNING sms_id
)
UPDATE waybill.pcm_definition d
   SET offer_version = offer_version + 1, change_time = now()
 WHERE d.sms_id IN (SELECT sms_id FROM withdrawn)
