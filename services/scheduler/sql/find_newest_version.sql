-- $1 package_id
SELECT encode(version, 'hex') AS version
  FROM waybill.package_version
 WHERE package_id = $1
 ORDER BY create_time DESC, version
 LIMIT 1
