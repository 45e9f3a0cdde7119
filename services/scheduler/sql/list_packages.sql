-- $1 package_id, $2 name of a package created here, $3 request_id; each NULL for any
SELECT package_id, name, comment, source_directory, create_time
  FROM waybill.package
 WHERE ($1::text IS NULL OR package_id = $1)
   AND ($2::text IS NULL OR (name = $2 AND request_id IS NOT NULL))
   AND ($3::text IS NULL OR request_id = $3)
 ORDER BY package_id
