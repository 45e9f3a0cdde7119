-- $1 job_id, $2 sms_id, $3 own site_code
SELECT t.state, t.reason, t.attempt_count, coalesce(t.run_id, '') AS run_id, coalesce(t.run_token, '') AS run_token,
       j.cancel_epoch, j.offer_after, j.expires_after
  FROM waybill.job_target t
  JOIN waybill.job j USING (job_id)
 WHERE t.job_id = $1 AND t.sms_id = $2 AND t.site_code = $3 AND j.command_name <> ''
   FOR UPDATE OF t
