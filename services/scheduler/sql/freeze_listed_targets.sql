-- $1 job_id
INSERT INTO waybill.job_target (job_id, sms_id, site_code)
SELECT j.job_id, w.sms_id, w.site_code
  FROM waybill.job j
 CROSS JOIN LATERAL (SELECT DISTINCT n.sms_id FROM unnest(j.target_names) AS n (sms_id)) n
  JOIN waybill.workstation w ON w.sms_id = n.sms_id
  JOIN waybill.site_route r ON r.site_code = w.site_code
 WHERE j.job_id = $1
