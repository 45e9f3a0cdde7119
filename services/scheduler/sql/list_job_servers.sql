-- $1 job_id
SELECT site_code, server_name, state, reason, CASE WHEN state = 4 THEN next_time END AS next_time
  FROM waybill.job_server
 WHERE job_id = $1
 ORDER BY site_code, server_name
