-- $1 site_code, $2 package_id, $3 version or NULL for every one, $4 when the remove job came
-- Not those that a transfer under way or a later job relies on.
DELETE FROM waybill.package_version v
 WHERE v.package_id = $2 AND ($3::bytea IS NULL OR v.version = $3::bytea)
   AND NOT EXISTS (
         SELECT FROM waybill.pin p WHERE p.version = v.version AND p.end_time > now())
   AND NOT EXISTS (
         SELECT
           FROM waybill.job j
           JOIN waybill.instruction i USING (job_id)
          WHERE j.package_id = v.package_id AND j.version = v.version AND j.type <> 3 AND j.cancel_epoch = 0
            AND i.commit_time > $4::timestamptz)
   AND NOT EXISTS (
         SELECT
           FROM waybill.job_server s
           JOIN waybill.job j USING (job_id)
          WHERE s.site_code = $1 AND s.state IN (1, 2, 4) AND j.type <> 3 AND j.cancel_epoch = 0
            AND j.package_id = v.package_id AND j.version = v.version)
