-- $1 job_id
INSERT INTO waybill.job_site (job_id, site_code)
SELECT DISTINCT job_id, site_code FROM waybill.job_target WHERE job_id = $1
