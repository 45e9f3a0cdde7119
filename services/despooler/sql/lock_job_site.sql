-- $1 job_id, $2 site_code
-- Servers of one job and site end one after the other, so that the last one sees that it is the last.
SELECT job_id FROM waybill.job_site WHERE job_id = $1 AND site_code = $2 FOR UPDATE
