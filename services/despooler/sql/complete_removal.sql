-- $1 job_id, $2 site_code, $3 server_name, $4 fence
-- Not behind the lease's end: another job may have copied to the server since.
UPDATE waybill.job_server
   SET state = 7, reason = '', next_time = NULL, lease_end_time = '-infinity', change_time = now()
 WHERE job_id = $1 AND site_code = $2 AND server_name = $3 AND fence = $4 AND state = 6
   AND lease_end_time > clock_timestamp()
