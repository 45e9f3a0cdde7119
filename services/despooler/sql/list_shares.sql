-- $1 site_code, $2 server_name
SELECT drive, directory
  FROM waybill.distribution_share
 WHERE site_code = $1 AND server_name = $2
 ORDER BY drive
