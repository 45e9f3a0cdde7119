-- $1 site_code, $2 server_name, $3 drives, $4 their directories, $5 their URLs
-- A repeat writes nothing, so that it reports nothing.
INSERT INTO waybill.distribution_share AS s (site_code, server_name, drive, directory, url)
SELECT $1, $2, i.drive, i.directory, i.url
  FROM unnest($3::text[], $4::text[], $5::text[]) AS i (drive, directory, url)
    ON CONFLICT (site_code, server_name, drive) DO UPDATE SET directory = EXCLUDED.directory, url = EXCLUDED.url
 WHERE (s.directory, s.url) <> (EXCLUDED.directory, EXCLUDED.url)
