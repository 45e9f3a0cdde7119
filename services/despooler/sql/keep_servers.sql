-- $1 site_code, $2 job_ids, $3 server_names, $4 fences, $5 lease
-- Renews what is still ours and still wanted. A lease that has ended is not: another job may be at the server by now.
UPDATE waybill.job_server s
   SET lease_end_time = now() + $5::interval
  FROM unnest($2::text[], $3::text[], $4::bigint[]) AS k (job_id, server_name, fence), waybill.job j
 WHERE s.job_id = k.job_id AND s.site_code = $1 AND s.server_name = k.server_name AND s.fence = k.fence
   AND s.state IN (2, 6) AND s.lease_end_time > now() AND j.job_id = s.job_id AND j.cancel_epoch = 0
RETURNING s.job_id, s.server_name
