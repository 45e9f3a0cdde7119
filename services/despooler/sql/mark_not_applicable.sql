-- $1 job_id, $2 own site_code
UPDATE waybill.job_target t
   SET state = 9, reason = 'the command is not for ' || w.operating_system, change_time = now()
  FROM waybill.job j, waybill.workstation w
 WHERE t.job_id = $1 AND t.site_code = $2 AND t.state = 1
   AND j.job_id = t.job_id AND w.sms_id = t.sms_id
   AND cardinality(j.platforms) > 0 AND NOT w.operating_system = ANY (j.platforms)
