-- $1 job_id
INSERT INTO waybill.job_target (job_id, sms_id, site_code)
SELECT j.job_id, w.sms_id, w.site_code
  FROM waybill.job j
  JOIN waybill.machine_group g ON g.group_name = j.target_names[1] AND g.kind = 1
  JOIN waybill.machine_group_member m ON m.group_name = g.group_name
  JOIN waybill.workstation w ON w.sms_id = m.member
  JOIN waybill.site_route r ON r.site_code = w.site_code
 WHERE j.job_id = $1
