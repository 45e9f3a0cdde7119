-- $1 the remove job's job_id, $2 own site_code, $3 package_id, $4 version, NULL for every version, $5 reason
WITH withdrawn AS (
  UPDATE waybill.job_target t
     SET state = 11, reason = $5, change_time = now()
    FROM waybill.job j
   WHERE j.package_id = $3 AND ($4::bytea IS NULL OR j.version = $4) AND j.job_id <> $1
     AND t.job_id = j.job_id AND t.site_code = $2 AND t.state IN (1, 2, 3)
  RETURNING t.sms_id
)
UPDATE waybill.pcm_definition d
   SET offer_version = offer_version + 1, change_time = now()
 WHERE d.sms_id IN (SELECT sms_id FROM withdrawn)
