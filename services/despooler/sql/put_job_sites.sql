-- $1 job_id, $2 site_codes
INSERT INTO waybill.job_site (job_id, site_code)
SELECT $1, site_code FROM unnest($2::text[]) AS s (site_code) ORDER BY site_code
ON CONFLICT (job_id, site_code) DO NOTHING
