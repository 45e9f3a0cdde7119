-- $1 job_id, $2 package_id, $3 site codes, "*" among them or none: all. The sites that hold the package in any form.
INSERT INTO waybill.job_site (job_id, site_code)
SELECT DISTINCT j.job_id, h.site_code
  FROM (SELECT site_code, version FROM waybill.site_holding WHERE package_id = $2
         UNION ALL
        SELECT site_code, version FROM waybill.location WHERE package_id = $2) h
  JOIN waybill.job j ON j.job_id = $1 AND (j.version IS NULL OR j.version = h.version)
  JOIN waybill.site_route r ON r.site_code = h.site_code
 WHERE cardinality($3::text[]) = 0 OR h.site_code = ANY ($3::text[]) OR '*' = ANY ($3::text[])
