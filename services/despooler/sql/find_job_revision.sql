-- $1 job_id
SELECT revision FROM waybill.job WHERE job_id = $1
