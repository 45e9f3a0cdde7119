-- $1 send_request_ids, $2 lease
WITH chosen AS (
  SELECT send_request_id
    FROM waybill.send_request
   WHERE send_request_id = ANY ($1::bigint[])
     AND state IN (2, 3, 4, 5) AND next_time <= now() AND lease_end_time <= now()
     FOR UPDATE SKIP LOCKED
)
UPDATE waybill.send_request r
   SET state = 3, reason = '', fence = r.fence + 1, lease_end_time = now() + $2::interval
  FROM chosen c, waybill.job j, waybill.address a
 WHERE r.send_request_id = c.send_request_id AND j.job_id = r.job_id AND a.site_code = r.site_code
RETURNING r.send_request_id, r.fence, r.job_id, r.site_code, r.revision, r.with_targets, r.package_id, r.version,
          r.attempt_count, j.send_phase, a.endpoint
