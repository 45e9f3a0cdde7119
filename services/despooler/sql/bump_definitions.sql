-- $1 job_id, $2 site_code, $3 states of targets
-- In the order of the key, so that two of these do not lock each other out.
INSERT INTO waybill.pcm_definition (sms_id, domain)
SELECT t.sms_id, w.domain
  FROM waybill.job_target t
  JOIN waybill.workstation w ON w.sms_id = t.sms_id
 WHERE t.job_id = $1 AND t.site_code = $2 AND t.state = ANY ($3::smallint[])
 ORDER BY t.sms_id
ON CONFLICT (sms_id)
DO UPDATE SET offer_version = waybill.pcm_definition.offer_version + 1, domain = excluded.domain, change_time = now()
