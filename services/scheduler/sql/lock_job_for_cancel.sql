-- $1 job_id
SELECT j.state, j.origin_site_code, j.origin_site_code = s.site_code AS is_own
  FROM waybill.job j
 CROSS JOIN waybill.self s
 WHERE j.job_id = $1
   FOR UPDATE OF j
