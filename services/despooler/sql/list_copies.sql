-- $1 site_code, $2 server_name, $3 package_id, $4 version or NULL for every one
SELECT version, drive, directory
  FROM waybill.location
 WHERE site_code = $1 AND server_name = $2 AND package_id = $3
   AND ($4::bytea IS NULL OR version = $4::bytea)
 ORDER BY version
