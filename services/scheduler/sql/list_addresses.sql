-- $1 site_code, or NULL for all
SELECT site_code, endpoint, concurrent_sends_max
  FROM waybill.address
 WHERE $1::text IS NULL OR site_code = $1
 ORDER BY site_code
