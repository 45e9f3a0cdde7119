-- $1 JSON array of status records
-- A final state never moves back, whatever comes late. Only what a site above concluded for a workstation that it could
-- not see (6 FAILED, 11 WITHDRAWN, never started) gives way to the news that the command was started after all.
WITH r AS (
  SELECT DISTINCT ON (f.job_id, r.sms_id) f.job_id, r.*
    FROM jsonb_array_elements($1::jsonb) e,
         jsonb_to_record(e -> 'target') AS f (job_id text, target jsonb),
         jsonb_to_record(f.target) AS r (sms_id text, site_code text, state smallint, reason text, attempt_count integer,
                                         exit_code integer, output text, start_time timestamptz, run_duration interval,
                                         change_time timestamptz)
   ORDER BY f.job_id, r.sms_id, (e ->> 'sequence')::bigint DESC
)
UPDATE waybill.job_target t
   SET state = r.state, reason = coalesce(r.reason, ''), attempt_count = coalesce(r.attempt_count, 0),
       exit_code = r.exit_code, output = coalesce(r.output, ''), start_time = r.start_time,
       run_duration = r.run_duration, change_time = r.change_time
  FROM r
 WHERE t.job_id = r.job_id AND t.sms_id = r.sms_id AND t.site_code = r.site_code
   AND (t.state < 5 OR t.state = r.state
        OR (t.state IN (6, 11) AND t.start_time IS NULL AND r.state >= 5 AND r.start_time IS NOT NULL))
