-- $1 job_id
DELETE FROM waybill.pin WHERE job_id = $1
