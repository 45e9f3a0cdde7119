-- $1 site_code, $2 package_id, $3 version or NULL for every one, $4 when the remove job came
-- Deletes the versions that no later job needs, but those that a transfer under way holds: of these it says the first.
WITH unneeded AS MATERIALIZED (
  SELECT v.version, held.version IS NOT NULL AS is_held, coalesce(held.job_id, '') AS job_id
    FROM waybill.package_version v
    LEFT JOIN LATERAL (
           SELECT p.version, p.job_id
             FROM waybill.pin p
            WHERE p.version = v.version AND p.end_time > now()
            ORDER BY p.job_id
            LIMIT 1) AS held ON true
   WHERE v.package_id = $2 AND ($3::bytea IS NULL OR v.version = $3::bytea)
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
), deleted AS (
  DELETE FROM waybill.package_version v
   USING unneeded u
   WHERE v.package_id = $2 AND v.version = u.version AND NOT u.is_held
  RETURNING v.version
)
SELECT (SELECT count(*) FROM deleted) AS deleted_count, encode(k.version, 'hex') AS version, k.job_id
  FROM (SELECT 1) AS one
  LEFT JOIN (SELECT version, job_id FROM unneeded WHERE is_held ORDER BY version LIMIT 1) AS k ON true
