-- $1 JSON array of status records
WITH r AS (
  SELECT DISTINCT ON (r.site_code, r.server_name, r.package_id, r.version)
         r.site_code, r.server_name, r.package_id, decode(r.version, 'base64') AS version, r.present, r.drive,
         r.directory, r.plain_bytes, r.observe_time
    FROM jsonb_array_elements($1::jsonb) e,
         jsonb_to_record(e -> 'location') AS r (site_code text, server_name text, package_id text, version text,
                                                present boolean, drive text, directory text, plain_bytes bigint,
                                                observe_time timestamptz)
   ORDER BY r.site_code, r.server_name, r.package_id, r.version, (e ->> 'sequence')::bigint DESC
), gone AS (
  DELETE FROM waybill.location l
   USING r
   WHERE NOT coalesce(r.present, false) AND l.site_code = r.site_code AND l.server_name = r.server_name
     AND l.package_id = r.package_id AND l.version = r.version
)
INSERT INTO waybill.location AS l (site_code, server_name, package_id, version, drive, directory, plain_bytes, observe_time)
SELECT site_code, server_name, package_id, version, drive, directory, coalesce(plain_bytes, 0), observe_time
  FROM r
 WHERE present
ON CONFLICT (site_code, server_name, package_id, version) DO UPDATE
   SET drive = excluded.drive, directory = excluded.directory, plain_bytes = excluded.plain_bytes,
       observe_time = excluded.observe_time
