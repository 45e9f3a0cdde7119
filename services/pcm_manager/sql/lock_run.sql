-- $1 job_id, $2 sms_id, $3 own site_code, $4 run_token
SELECT t.state, j.success_exit_codes
  FROM waybill.job_target t
  JOIN waybill.job j USING (job_id)
 WHERE t.job_id = $1 AND t.sms_id = $2 AND t.site_code = $3 AND t.run_token = $4
   FOR UPDATE OF t
