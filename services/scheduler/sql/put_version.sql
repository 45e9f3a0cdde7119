-- $1 package_id, $2 version, $3 content_digest, $4 entry_count, $5 file_count, $6 plain_bytes, $7 stored_bytes,
-- $8 manifest_bytes, $9 skipped_paths, $10 set_id_paths
-- The source went back to a former state: that version becomes the newest again.
INSERT INTO waybill.package_version
       (package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, manifest_bytes,
        skipped_paths, set_id_paths)
VALUES ($1, $2::bytea, $3::bytea, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::text[],
        $10::text[])
    ON CONFLICT (package_id, version) DO UPDATE SET create_time = now()
RETURNING package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, create_time,
       skipped_paths, set_id_paths
