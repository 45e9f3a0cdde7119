-- $1 job_id, $2 fence, $3 lease
UPDATE waybill.job SET lease_end_time = now() + $3::interval WHERE job_id = $1 AND fence = $2 AND state = 1
