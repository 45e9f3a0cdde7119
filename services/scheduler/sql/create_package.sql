-- $1 package_id, $2 request_id, $3 name, $4 comment, $5 source_directory
INSERT INTO waybill.package (package_id, request_id, name, comment, source_directory)
VALUES ($1, $2, $3, $4, $5)
