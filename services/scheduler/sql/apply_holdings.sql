-- $1 JSON array of status records
WITH r AS (
  SELECT DISTINCT ON (r.site_code, r.package_id, r.version)
         r.site_code, r.package_id, decode(r.version, 'base64') AS version, r.held, r.since_time
    FROM jsonb_array_elements($1::jsonb) e,
         jsonb_to_record(e -> 'holding') AS r (site_code text, package_id text, version text, held boolean,
                                               since_time timestamptz)
   ORDER BY r.site_code, r.package_id, r.version, (e ->> 'sequence')::bigint DESC
), gone AS (
  DELETE FROM waybill.holding h
   USING r
   WHERE NOT coalesce(r.held, false) AND h.site_code = r.site_code AND h.package_id = r.package_id
     AND h.version = r.version
)
INSERT INTO waybill.holding (site_code, package_id, version, since_time)
SELECT site_code, package_id, version, since_time FROM r WHERE held
ON CONFLICT DO NOTHING
