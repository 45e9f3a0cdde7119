-- $1 job_id, $2 site codes, "*" among them: all
INSERT INTO waybill.job_site (job_id, site_code)
SELECT $1, r.site_code
  FROM waybill.site_route r
 WHERE r.site_code = ANY ($2::text[]) OR '*' = ANY ($2::text[])
