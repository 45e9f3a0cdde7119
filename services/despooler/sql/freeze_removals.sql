-- $1 job_id, $2 own site_code, $3 package_id, $4 version, NULL for every version
INSERT INTO waybill.job_server (job_id, site_code, server_name, state, next_time)
SELECT DISTINCT $1, site_code, server_name, 6, now()
  FROM waybill.location
 WHERE site_code = $2 AND package_id = $3 AND ($4::bytea IS NULL OR version = $4)
 ORDER BY server_name
ON CONFLICT (job_id, site_code, server_name) DO NOTHING
