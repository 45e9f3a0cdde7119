-- $1 package_id, $2 create_time and $3 version of the row before the first one, $4 at most so many, $5 at most so many bytes.
-- Newest first.
WITH page AS (
  SELECT package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, create_time,
         skipped_paths, set_id_paths
    FROM waybill.package_version
   WHERE package_id = $1
     AND (create_time < $2::timestamptz OR (create_time = $2::timestamptz AND version > $3::bytea))
   ORDER BY create_time DESC, version
   LIMIT $4::bigint + 1
), measured AS (
  SELECT package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, create_time,
         skipped_paths, set_id_paths, row_number() OVER by_time AS place, count(*) OVER () AS found,
         coalesce(sum(300 + octet_length(skipped_paths::text) + octet_length(set_id_paths::text)) OVER before, 0)
           AS bytes_before
    FROM page
  WINDOW by_time AS (ORDER BY create_time DESC, version),
         before AS (ORDER BY create_time DESC, version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT package_id, version, content_digest, entry_count, file_count, plain_bytes, stored_bytes, create_time,
       skipped_paths, set_id_paths, place < found AS has_next
  FROM measured
 WHERE place <= $4::bigint AND bytes_before < $5::bigint
 ORDER BY create_time DESC, version
