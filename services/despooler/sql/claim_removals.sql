-- $1 site_code, $2 lease, $3 how many at most
-- As claim_copies, for remove jobs, of any versions.
WITH due AS (
  SELECT s.job_id, s.server_name,
         row_number() OVER (PARTITION BY s.server_name, j.package_id
                                ORDER BY s.next_time, s.change_time, s.job_id) AS turn
    FROM waybill.job_server s
    JOIN waybill.job j USING (job_id)
   WHERE s.site_code = $1 AND s.state IN (4, 6) AND j.type = 3 AND j.cancel_epoch = 0
     AND coalesce(s.next_time, '-infinity') <= now() AND s.lease_end_time <= now()
     AND NOT EXISTS (
           SELECT
             FROM waybill.job_server o
             JOIN waybill.job oj USING (job_id)
            WHERE o.site_code = $1 AND o.server_name = s.server_name AND oj.package_id = j.package_id
              AND o.lease_end_time > now())
), chosen AS (
  SELECT s.job_id, s.server_name
    FROM waybill.job_server s
    JOIN due d USING (job_id, server_name)
   WHERE s.site_code = $1 AND d.turn = 1
   ORDER BY s.job_id, s.server_name
   LIMIT $3
     FOR UPDATE OF s SKIP LOCKED
)
UPDATE waybill.job_server s
   SET state = 6, fence = s.fence + 1, attempt_count = s.attempt_count + 1, next_time = NULL,
       lease_end_time = now() + $2::interval, change_time = now()
  FROM chosen c
  JOIN waybill.job j USING (job_id)
 WHERE s.job_id = c.job_id AND s.server_name = c.server_name AND s.site_code = $1
RETURNING s.job_id, s.server_name, j.package_id, j.version, s.fence, s.attempt_count,
          (SELECT min(i.commit_time) FROM waybill.instruction i WHERE i.job_id = s.job_id) AS commit_time,
          EXISTS (
            SELECT
              FROM waybill.job oj
              JOIN waybill.job_server o USING (job_id)
             WHERE oj.package_id = j.package_id AND (j.version IS NULL OR oj.version = j.version) AND oj.type <> 3
               AND o.site_code = $1 AND o.server_name = s.server_name AND o.state = 5 AND o.fence > 0
          ) AS may_hold_unknown
