-- $1 package_id, $2 version
SELECT 1 AS held FROM waybill.package_version WHERE package_id = $1 AND version = $2
