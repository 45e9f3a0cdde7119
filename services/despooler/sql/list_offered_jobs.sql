-- $1 site_code, $2 sms_ids
-- Who is offered what: jobs that may still run on a workstation. A command that runs stays in the file until it ends.
-- Rows are found by workstation alone and sifted then: while job_target is not analysed, a plan that may use the
-- other conditions takes them for so selective that it walks the table once for each workstation.
WITH target AS MATERIALIZED (
  SELECT t.sms_id, t.job_id, t.site_code, t.state
    FROM unnest($2::text[]) AS k (sms_id)
    JOIN waybill.job_target t ON t.sms_id = k.sms_id
)
SELECT t.sms_id, t.job_id, t.state = 1 AS is_waiting
  FROM target t
  JOIN waybill.job j USING (job_id)
 WHERE t.site_code = $1 AND t.state IN (1, 2, 3, 4)
   AND j.command_name <> '' AND j.cancel_epoch = 0
   AND (t.state = 4 OR j.expires_after IS NULL OR j.expires_after > now())
 ORDER BY t.sms_id, j.offer_after, t.job_id
