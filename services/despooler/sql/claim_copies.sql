-- $1 site_code, $2 lease, $3 how many at most
-- All due servers of the most urgent version. A server that somebody works on for this package (another job may
-- copy or remove it, or its row was ended and the worker has not let go) is left for later, and of several jobs one has
-- its turn: its directories have one writer.
WITH due AS (
  SELECT s.job_id, s.server_name, j.package_id, j.version, j.priority,
         coalesce(s.next_time, s.change_time) AS due_time,
         row_number() OVER (PARTITION BY s.server_name, j.package_id, j.version
                                ORDER BY s.next_time, s.change_time, s.job_id) AS turn
    FROM waybill.job_server s
    JOIN waybill.job j USING (job_id)
   WHERE s.site_code = $1 AND s.state IN (1, 2, 4) AND j.type <> 3 AND j.cancel_epoch = 0
     AND j.version IS NOT NULL
     AND coalesce(s.next_time, '-infinity') <= now() AND s.lease_end_time <= now()
     AND NOT EXISTS (
           SELECT
             FROM waybill.job_server o
             JOIN waybill.job oj USING (job_id)
            WHERE o.site_code = $1 AND o.server_name = s.server_name AND oj.package_id = j.package_id
              AND o.lease_end_time > now())
), urgent AS (
  SELECT package_id, version FROM due ORDER BY priority DESC, due_time, job_id LIMIT 1
), chosen AS (
  SELECT s.job_id, s.server_name
    FROM waybill.job_server s
    JOIN due d USING (job_id, server_name)
    JOIN urgent u ON u.package_id = d.package_id AND u.version = d.version
   WHERE s.site_code = $1 AND d.turn = 1
   ORDER BY d.server_name
   LIMIT $3
     FOR UPDATE OF s SKIP LOCKED
)
UPDATE waybill.job_server s
   SET state = 2, fence = s.fence + 1, attempt_count = s.attempt_count + 1, next_time = NULL,
       lease_end_time = now() + $2::interval, change_time = now()
  FROM chosen c
  JOIN waybill.job j USING (job_id)
  LEFT JOIN waybill.package_version v ON v.package_id = j.package_id AND v.version = j.version
 WHERE s.job_id = c.job_id AND s.server_name = c.server_name AND s.site_code = $1
RETURNING s.job_id, s.server_name, j.package_id, j.version, s.fence, s.attempt_count,
          coalesce(v.plain_bytes, 0) AS plain_bytes, coalesce(v.entry_count, 0) AS entry_count,
          v.version IS NOT NULL AS version_at_site
