-- $1 JSON array of status records
-- The newest record of each server holds all its shares.
WITH newest AS (
  SELECT DISTINCT ON (r.site_code, r.server_name) r.site_code, r.server_name, r.shares
    FROM jsonb_array_elements($1::jsonb) e,
         jsonb_to_record(e -> 'distribution_server') AS r (site_code text, server_name text, shares jsonb)
   ORDER BY r.site_code, r.server_name, (e ->> 'sequence')::bigint DESC
), share AS (
  SELECT n.site_code, n.server_name, h.drive, h.directory, coalesce(h.url, '') AS url
    FROM newest n, jsonb_to_recordset(coalesce(n.shares, '[]')) AS h (drive text, directory text, url text)
), gone AS (
  DELETE FROM waybill.distribution_share d
   USING newest n
   WHERE d.site_code = n.site_code AND d.server_name = n.server_name
     AND NOT EXISTS (SELECT FROM share s
                      WHERE s.site_code = d.site_code AND s.server_name = d.server_name AND s.drive = d.drive)
)
INSERT INTO waybill.distribution_share AS d (site_code, server_name, drive, directory, url)
SELECT site_code, server_name, drive, directory, url FROM share
ON CONFLICT (site_code, server_name, drive) DO UPDATE
   SET directory = excluded.directory, url = excluded.url
 WHERE (d.directory, d.url) <> (excluded.directory, excluded.url)
