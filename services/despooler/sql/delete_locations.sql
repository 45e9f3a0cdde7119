-- $1 site_code, $2 server_name, $3 package_id, $4 versions in hex, $5 when the remove job came
DELETE FROM waybill.location
 WHERE site_code = $1 AND server_name = $2 AND package_id = $3 AND encode(version, 'hex') = ANY ($4::text[])
   AND observe_time <= $5::timestamptz
