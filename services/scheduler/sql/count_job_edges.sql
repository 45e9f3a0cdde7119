-- no parameters. The running jobs with their edges counted; reasons are "<site>: <reason>" of one edge.
SELECT j.job_id, j.state, j.reason, j.type, j.cancel_epoch > 0 AS is_cancelled, j.deadline <= now() AS is_late,
       s.sites_total, s.sites_open, s.sites_failed, s.sites_retrying, s.sites_unconfirmed, s.site_failure, s.site_wait,
       d.servers_open, d.servers_failed, d.servers_retrying, d.server_failure, d.server_wait,
       t.targets_open, t.targets_failed, t.target_failure, q.cancels_open
  FROM waybill.job j
 CROSS JOIN LATERAL (
       SELECT count(*) AS sites_total,
              count(*) FILTER (WHERE send_state <> 7 AND NOT (commit_seen AND (j.type <> 3 OR package_removed)))
                AS sites_open,
              count(*) FILTER (WHERE send_state = 7) AS sites_failed,
              count(*) FILTER (WHERE send_state = 5 AND NOT commit_seen) AS sites_retrying,
              count(*) FILTER (WHERE revision_committed < j.revision AND NOT (send_state = 7 AND NOT commit_seen))
                AS sites_unconfirmed,
              coalesce(min(site_code || ': ' || send_reason) FILTER (WHERE send_state = 7), '') AS site_failure,
              coalesce(min(site_code || ': ' || send_reason) FILTER (WHERE send_state = 5 AND NOT commit_seen), '')
                AS site_wait
         FROM waybill.job_site WHERE job_id = j.job_id) s
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE state IN (1, 2, 4, 6)) AS servers_open,
              count(*) FILTER (WHERE state = 5) AS servers_failed,
              count(*) FILTER (WHERE state = 4) AS servers_retrying,
              coalesce(min(site_code || ': ' || reason) FILTER (WHERE state = 5), '') AS server_failure,
              coalesce(min(site_code || ': ' || reason) FILTER (WHERE state = 4), '') AS server_wait
         FROM waybill.job_server WHERE job_id = j.job_id) d
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE state < 5) AS targets_open,
              count(*) FILTER (WHERE state IN (6, 7, 11, 12)) AS targets_failed,
              coalesce(min(site_code || ': ' || reason) FILTER (WHERE state IN (6, 7, 11, 12)), '') AS target_failure
         FROM waybill.job_target WHERE job_id = j.job_id) t
 CROSS JOIN LATERAL (
       SELECT count(*) AS cancels_open
         FROM waybill.send_request
        WHERE job_id = j.job_id AND revision = j.revision AND state NOT IN (6, 7) AND j.cancel_epoch > 0) q
 WHERE j.state IN (2, 3, 6)
