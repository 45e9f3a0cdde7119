-- $1 job_id, $2 site_code, $3 server_name, $4 fence
-- The row is still ours, or was ended while we worked on it: its lease kept others off the server until now.
UPDATE waybill.job_server
   SET lease_end_time = '-infinity'
 WHERE job_id = $1 AND site_code = $2 AND server_name = $3 AND lease_end_time > '-infinity'
   AND (state IN (2, 6) AND fence = $4 OR state = 5 AND fence = $4::bigint + 1)
