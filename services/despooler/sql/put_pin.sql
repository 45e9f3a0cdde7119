-- $1 pin_id, $2 package_id, $3 version, $4 holder, $5 for how long, $6 job_id
-- No row: the job was cancelled here.
INSERT INTO waybill.pin (pin_id, package_id, version, holder, end_time, job_id)
SELECT $1, $2, $3, $4, now() + $5::interval, $6
 WHERE NOT EXISTS (SELECT FROM waybill.job WHERE job_id = $6 AND cancel_epoch > 0)
ON CONFLICT (pin_id) DO UPDATE
   SET package_id = excluded.package_id, version = excluded.version, holder = excluded.holder,
       end_time = excluded.end_time, job_id = excluded.job_id
