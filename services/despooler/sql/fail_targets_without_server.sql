-- $1 job_id, $2 site_code, $3 reason
-- Once every server of the job failed here, and no other job put the version on one.
UPDATE waybill.job_target t
   SET state = 6, reason = $3, change_time = now()
 WHERE t.job_id = $1 AND t.site_code = $2 AND t.state IN (1, 2, 3)
   AND NOT EXISTS (
         SELECT FROM waybill.job_server s WHERE s.job_id = $1 AND s.site_code = $2 AND s.state <> 5)
   AND NOT EXISTS (
         SELECT
           FROM waybill.job j
           JOIN waybill.location l USING (package_id, version)
          WHERE j.job_id = $1 AND l.site_code = $2)
