-- $1 site_code, $2 the server whose own shares do not count, or NULL
SELECT 'distribution server ' || server_name AS owner, directory
  FROM waybill.distribution_share
 WHERE site_code = $1 AND ($2::text IS NULL OR server_name <> $2)
 UNION ALL
SELECT 'package ' || package_id AS owner, source_directory AS directory
  FROM waybill.package
 WHERE source_directory <> '' AND $2::text IS NOT NULL
