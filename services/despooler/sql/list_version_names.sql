-- $1 package_id
-- The versions of the package that this site holds, newest first, as their directories are named.
SELECT left(encode(version, 'hex'), 16) AS version_name
  FROM waybill.package_version
 WHERE package_id = $1
 ORDER BY create_time DESC, version
 LIMIT 1000
