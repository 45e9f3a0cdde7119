-- $1 site_code of this site
-- Every row that is reported goes into the outbox once more, unnumbered.
WITH old AS (DELETE FROM waybill.outbox RETURNING outbox_id)
INSERT INTO waybill.outbox (kind, key)
SELECT kind, key FROM (
  SELECT 1 AS kind, ARRAY[site_code] AS key FROM waybill.site
  UNION ALL SELECT 2, ARRAY[site_code, server_name] FROM waybill.distribution_server
  UNION ALL SELECT 3, ARRAY[sms_id] FROM waybill.workstation
  UNION ALL SELECT 5, ARRAY[s.job_id, s.site_code, s.server_name]
              FROM waybill.job_server s JOIN waybill.job j USING (job_id) WHERE j.origin_site_code <> $1
  UNION ALL SELECT 6, ARRAY[t.job_id, t.sms_id]
              FROM waybill.job_target t JOIN waybill.job j USING (job_id) WHERE j.origin_site_code <> $1
  UNION ALL SELECT 4, ARRAY[s.job_id, s.site_code]
              FROM waybill.job_site s JOIN waybill.job j USING (job_id) WHERE j.origin_site_code <> $1
  UNION ALL SELECT 7, ARRAY[site_code, server_name, package_id, encode(version, 'hex')] FROM waybill.location
  UNION ALL SELECT 8, ARRAY[site_code, package_id, encode(version, 'hex')] FROM waybill.site_holding
) rows
WHERE (SELECT count(*) FROM old) >= 0
