-- $1 job_id, $2 sms_ids, $3 their site_codes
INSERT INTO waybill.job_target (job_id, sms_id, site_code)
SELECT $1, sms_id, site_code FROM unnest($2::text[], $3::text[]) AS t (sms_id, site_code) ORDER BY sms_id
ON CONFLICT (job_id, sms_id) DO NOTHING
