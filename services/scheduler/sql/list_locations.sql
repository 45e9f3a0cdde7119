-- $1 package_id, $2 LOCATION_KIND_STORE, $3 LOCATION_KIND_SERVER
SELECT site_code, $2::integer AS kind, package_id, version, '' AS server_name, '' AS drive, '' AS directory,
       0::bigint AS plain_bytes, since_time AS observe_time
  FROM waybill.site_holding
 WHERE package_id = $1
 UNION ALL
SELECT site_code, $3::integer AS kind, package_id, version, server_name, drive, directory, plain_bytes,
       observe_time
  FROM waybill.location
 WHERE package_id = $1
 ORDER BY site_code, kind, server_name, version
