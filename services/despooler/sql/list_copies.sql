-- $1 site_code, $2 server_name, $3 package_id, $4 version or NULL for every one, $5 when the remove job came
-- What was put there later, or found good by a later job, is that job's.
SELECT version, drive, directory, observe_time > $5::timestamptz AS is_later
  FROM waybill.location
 WHERE site_code = $1 AND server_name = $2 AND package_id = $3
   AND ($4::bytea IS NULL OR version = $4::bytea)
 ORDER BY version
