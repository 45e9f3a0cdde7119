-- $1 site_code, $2 job_ids, $3 server_names, $4 fences
-- Those that are still ours and still wanted.
SELECT s.job_id, s.server_name
  FROM unnest($2::text[], $3::text[], $4::bigint[]) AS k (job_id, server_name, fence)
  JOIN waybill.job_server s
    ON s.job_id = k.job_id AND s.site_code = $1 AND s.server_name = k.server_name AND s.fence = k.fence
  JOIN waybill.job j ON j.job_id = s.job_id
 WHERE s.state IN (2, 6) AND s.lease_end_time > now() AND j.cancel_epoch = 0
