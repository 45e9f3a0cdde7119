-- $1 package_id, $2 name of a package created here, $3 request_id (each NULL for any), $4 after this package_id,
-- $5 at most so many, $6 at most so many bytes
WITH page AS (
  SELECT package_id, name, comment, source_directory, create_time
    FROM waybill.package
   WHERE ($1::text IS NULL OR package_id = $1)
     AND ($2::text IS NULL OR (name = $2 AND request_id IS NOT NULL))
     AND ($3::text IS NULL OR request_id = $3)
     AND package_id > $4
   ORDER BY package_id
   LIMIT $5::bigint + 1
), measured AS (
  SELECT p.package_id, p.name, p.comment, p.source_directory, p.create_time,
         row_number() OVER by_id AS place, count(*) OVER () AS found,
         coalesce(sum(300 + octet_length(p.comment) + octet_length(p.source_directory) + c.bytes) OVER before, 0)
           AS bytes_before
    FROM page p
   CROSS JOIN LATERAL (
         SELECT coalesce(sum(300 + octet_length(k.arguments::text) + octet_length(k.platforms::text)), 0) AS bytes
           FROM waybill.package_command k
          WHERE k.package_id = p.package_id) c
  WINDOW by_id AS (ORDER BY p.package_id),
         before AS (ORDER BY p.package_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT package_id, name, comment, source_directory, create_time, place < found AS has_next
  FROM measured
 WHERE place <= $5::bigint AND bytes_before < $6::bigint
 ORDER BY package_id
