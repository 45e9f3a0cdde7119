-- no parameters
SELECT site_code, count(*) AS active
  FROM waybill.send_request
 WHERE state = 3 AND lease_end_time > now()
 GROUP BY site_code
