-- $1 states (empty: all), $2 create_time and $3 job_id of the row before the first one, $4 at most so many
SELECT j.job_id, j.type, j.comment, j.package_id, encode(j.version, 'hex') AS version, j.priority, j.target_kind,
       CASE WHEN j.target_kind IN (1, 4) THEN '{}' ELSE j.target_names END AS target_names,
       cardinality(j.target_names) AS target_count, j.start_after, j.deadline, j.send_phase, j.refresh_existing, j.put_on_specified, j.server_group,
       j.command_name, j.offer_after, j.mandatory_after, j.expires_after, j.state, j.reason, j.revision, j.create_time,
       j.activate_time, j.finish_time, s.send_total, s.send_done, s.send_failed, s.send_retrying, d.distribute_total,
       d.distribute_done, d.distribute_failed, d.distribute_retrying, r.run_total, r.run_done, r.run_failed
  FROM (SELECT job_id, type, comment, package_id, version, priority, target_kind, target_names, start_after, deadline,
               send_phase, refresh_existing, put_on_specified, server_group, command_name, offer_after, mandatory_after,
               expires_after, state, reason, revision, create_time, activate_time, finish_time
          FROM waybill.job
         WHERE (create_time, job_id) < ($2::timestamptz, $3::text)
           AND (cardinality($1::smallint[]) = 0 OR state = ANY ($1::smallint[]))
         ORDER BY create_time DESC, job_id DESC
         LIMIT $4) j
 CROSS JOIN LATERAL (
       SELECT count(*) AS send_total, count(*) FILTER (WHERE commit_seen AND send_state <> 7) AS send_done,
              count(*) FILTER (WHERE send_state = 7) AS send_failed,
              count(*) FILTER (WHERE send_state = 5) AS send_retrying
         FROM waybill.job_site WHERE job_id = j.job_id) s
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(total), 0) AS distribute_total, coalesce(sum(done), 0) AS distribute_done,
              coalesce(sum(failed), 0) AS distribute_failed, coalesce(sum(retrying), 0) AS distribute_retrying
         FROM waybill.job_server_progress WHERE job_id = j.job_id) d
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(total), 0) AS run_total, coalesce(sum(done), 0) AS run_done,
              coalesce(sum(failed), 0) AS run_failed
         FROM waybill.job_target_progress WHERE job_id = j.job_id) r
 ORDER BY j.create_time DESC, j.job_id DESC
