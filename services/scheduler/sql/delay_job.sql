-- $1 job_id, $2 fence, $3 how long, $4 reason
UPDATE waybill.job SET lease_end_time = now() + $3::interval, reason = $4 WHERE job_id = $1 AND fence = $2 AND state = 1
