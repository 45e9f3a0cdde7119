-- $1 package_id, $2 version
SELECT plain_bytes, stored_bytes, manifest_bytes FROM waybill.package_version WHERE package_id = $1 AND version = $2
