-- $1 send_request_ids, $2 their fences, $3 lease. No row: the lease was lost.
UPDATE waybill.send_request r
   SET lease_end_time = CASE WHEN r.state = 3 THEN now() + $3::interval ELSE r.lease_end_time END
  FROM unnest($1::bigint[], $2::bigint[]) AS held (send_request_id, fence), waybill.job j
 WHERE r.send_request_id = held.send_request_id AND r.fence = held.fence AND j.job_id = r.job_id
RETURNING r.send_request_id, r.state <> 3 OR j.revision > r.revision AS superseded, j.deadline <= now() AS overdue
