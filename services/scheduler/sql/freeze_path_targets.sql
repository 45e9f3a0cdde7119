-- $1 job_id, $2 site_code, $3 domain, $4 host_name; NULL: any
INSERT INTO waybill.job_target (job_id, sms_id, site_code)
SELECT $1, w.sms_id, w.site_code
  FROM waybill.workstation w
  JOIN waybill.site_route r ON r.site_code = w.site_code
 WHERE ($2::text IS NULL OR w.site_code = $2) AND ($3::text IS NULL OR w.domain = $3)
   AND ($4::text IS NULL OR w.host_name = $4)
