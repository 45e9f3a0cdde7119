-- $1 job_id, $2 fence, $3 reason
UPDATE waybill.job SET state = 5, reason = $3, finish_time = now() WHERE job_id = $1 AND fence = $2 AND state = 1
