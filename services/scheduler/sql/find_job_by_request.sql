-- $1 request_id
SELECT job_id FROM waybill.job WHERE request_id = $1
