-- $1 sms_ids
INSERT INTO waybill.pcm_definition (sms_id, domain)
SELECT w.sms_id, w.domain
  FROM waybill.workstation w
 WHERE w.sms_id = ANY ($1::text[])
 ORDER BY w.sms_id
ON CONFLICT (sms_id)
DO UPDATE SET offer_version = waybill.pcm_definition.offer_version + 1, domain = excluded.domain, change_time = now()
