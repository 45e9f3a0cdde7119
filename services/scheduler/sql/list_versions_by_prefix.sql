-- $1 package_id, $2 first hex digits, $3 whether versions that only stand elsewhere count. At most two rows.
SELECT encode(v.version, 'hex') AS version
  FROM (SELECT version FROM waybill.package_version WHERE package_id = $1
         UNION
        SELECT version FROM waybill.holding WHERE package_id = $1 AND $3::boolean
         UNION
        SELECT version FROM waybill.location WHERE package_id = $1 AND $3::boolean) v
 WHERE starts_with(encode(v.version, 'hex'), $2)
 ORDER BY v.version
 LIMIT 2
