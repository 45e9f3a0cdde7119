-- $1 package_id, $2 version, $3 content_digest, $4 entry_count, $5 file_count, $6 plain_bytes, $7 stored_bytes, $8 manifest_bytes, $9 skipped_paths
INSERT INTO waybill.package_version
       (package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, manifest_bytes,
        skipped_paths)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (package_id, version) DO NOTHING
