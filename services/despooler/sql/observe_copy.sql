-- $1 job_id, $2 site_code, $3 server_name, $4 fence, $5 package_id, $6 version, $7 drive, $8 directory, $9 plain_bytes
-- The row was ended while the copy was made: the copy stands all the same, and the ledger says what stands. It counts as
-- seen when the row was ended, so that a remove job which ended it removes it. Only while the lease keeps others off the
-- server, and lets go.
WITH held AS (
  UPDATE waybill.job_server
     SET lease_end_time = '-infinity'
   WHERE job_id = $1 AND site_code = $2 AND server_name = $3 AND state = 5 AND fence = $4::bigint + 1
     AND lease_end_time > clock_timestamp()
  RETURNING change_time
)
INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, directory, plain_bytes, observe_time)
SELECT $2, $3, $5, $6::bytea, $7, $8, $9, change_time FROM held
ON CONFLICT (site_code, server_name, package_id, version)
DO UPDATE SET drive = excluded.drive, directory = excluded.directory,
              plain_bytes = CASE WHEN excluded.plain_bytes = 0 THEN location.plain_bytes ELSE excluded.plain_bytes END,
              observe_time = greatest(location.observe_time, excluded.observe_time)
