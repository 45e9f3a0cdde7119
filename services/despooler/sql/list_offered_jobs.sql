-- $1 site_code, $2 sms_ids
-- Who is offered what: jobs that may still run on a workstation. A command that runs stays in the file until it ends.
SELECT t.sms_id, t.job_id, t.state = 1 AS is_waiting
  FROM waybill.job_target t
  JOIN waybill.job j USING (job_id)
 WHERE t.sms_id = ANY ($2::text[]) AND t.site_code = $1 AND t.state IN (1, 2, 3, 4)
   AND j.command_name <> '' AND j.cancel_epoch = 0
   AND (t.state = 4 OR j.expires_after IS NULL OR j.expires_after > now())
 ORDER BY t.sms_id, j.offer_after, t.job_id
