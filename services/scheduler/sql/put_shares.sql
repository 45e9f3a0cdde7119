-- $1 site_code, $2 server_name, $3 drives, $4 their directories
-- A repeat writes nothing, so that it reports nothing.
INSERT INTO waybill.distribution_share AS s (site_code, server_name, drive, directory)
SELECT $1, $2, i.drive, i.directory
  FROM unnest($3::text[], $4::text[]) AS i (drive, directory)
    ON CONFLICT (site_code, server_name, drive) DO UPDATE SET directory = EXCLUDED.directory
 WHERE s.directory <> EXCLUDED.directory
