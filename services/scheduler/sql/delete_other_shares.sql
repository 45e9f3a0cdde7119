-- $1 site_code, $2 server_name, $3 the drives that stay
DELETE FROM waybill.distribution_share
 WHERE site_code = $1 AND server_name = $2 AND drive <> ALL ($3::text[])
