-- $1 package_id
SELECT p.source_directory <> '' AS has_source,
       EXISTS (SELECT 1 FROM waybill.package_version v WHERE v.package_id = p.package_id) AS has_version
  FROM waybill.package p
 WHERE p.package_id = $1
