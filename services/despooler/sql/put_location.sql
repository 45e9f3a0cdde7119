-- $1 site_code, $2 server_name, $3 package_id, $4 version, $5 drive, $6 directory, $7 plain_bytes, 0 if only the row that is there knows them
INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, directory, plain_bytes)
VALUES ($1, $2, $3, $4::bytea, $5, $6, $7)
ON CONFLICT (site_code, server_name, package_id, version)
DO UPDATE SET drive = excluded.drive, directory = excluded.directory,
              plain_bytes = CASE WHEN excluded.plain_bytes = 0 THEN location.plain_bytes ELSE excluded.plain_bytes END,
              observe_time = now()
