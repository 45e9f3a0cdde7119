-- $1 site_code, $2 package_id, $3 versions in hex
-- Open offers of these versions name a server that no longer has them.
INSERT INTO waybill.pcm_definition (sms_id, domain)
SELECT DISTINCT t.sms_id, w.domain
  FROM waybill.job j
  JOIN waybill.job_target t ON t.job_id = j.job_id AND t.site_code = $1 AND t.state IN (1, 2, 3, 4)
  JOIN waybill.workstation w ON w.sms_id = t.sms_id
 WHERE j.package_id = $2 AND encode(j.version, 'hex') = ANY ($3::text[]) AND j.type <> 3
 ORDER BY t.sms_id
ON CONFLICT (sms_id)
DO UPDATE SET offer_version = waybill.pcm_definition.offer_version + 1, domain = excluded.domain, change_time = now()
