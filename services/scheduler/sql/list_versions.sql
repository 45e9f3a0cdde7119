-- $1 package_id, $2 how many, newest first
SELECT package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, create_time,
       skipped_paths, set_id_paths
  FROM waybill.package_version
 WHERE package_id = $1
 ORDER BY create_time DESC, version
 LIMIT $2::bigint
