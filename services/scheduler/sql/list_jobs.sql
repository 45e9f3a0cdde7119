-- $1 states (empty: all), $2 create_time and $3 job_id of the row before the first one, $4 at most so many. Names of
-- workstations and sites are left out.
SELECT j.job_id, j.type, j.comment, j.package_id, encode(j.version, 'hex') AS version, j.priority, j.target_kind,
       CASE WHEN j.target_kind IN (1, 4) THEN '{}' ELSE j.target_names END AS target_names, cardinality(j.target_names) AS target_count, j.start_after, j.deadline,
       j.send_phase, j.refresh_existing, j.put_on_specified, j.server_group, j.command_name, j.offer_after,
       j.mandatory_after, j.expires_after, j.state, j.reason, j.revision, j.create_time, j.activate_time,
       j.finish_time, j.send_total, j.send_done, j.send_failed, j.send_retrying, j.distribute_total, j.distribute_done,
       j.distribute_failed, j.distribute_retrying, j.run_total, j.run_done, j.run_failed
  FROM (SELECT job_id
          FROM waybill.job
         WHERE (create_time, job_id) < ($2::timestamptz, $3::text)
           AND (cardinality($1::smallint[]) = 0 OR state = ANY ($1::smallint[]))
         ORDER BY create_time DESC, job_id DESC
         LIMIT $4) page
  JOIN waybill.job_summary j USING (job_id)
 ORDER BY j.create_time DESC, j.job_id DESC
