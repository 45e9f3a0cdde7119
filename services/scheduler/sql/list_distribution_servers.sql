-- $1 site_code or NULL for all, $2 server_name or NULL for all
-- One row for each share; one without drive for a server whose shares have all gone.
SELECT d.site_code, d.server_name, s.drive, s.directory, s.url
  FROM waybill.distribution_server d
  LEFT JOIN waybill.distribution_share s USING (site_code, server_name)
 WHERE ($1::text IS NULL OR d.site_code = $1)
   AND ($2::text IS NULL OR d.server_name = $2)
 ORDER BY d.site_code, d.server_name, s.drive
