-- $1 job_id
SELECT job_id, type, comment, package_id, encode(version, 'hex') AS version, priority, target_kind,
       target_names, cardinality(target_names) AS target_count, start_after, deadline,
       send_phase, refresh_existing, put_on_specified, server_group, command_name, offer_after,
       mandatory_after, expires_after, state, reason, revision, create_time, activate_time,
       finish_time, send_total, send_done, send_failed, send_retrying, distribute_total, distribute_done,
       distribute_failed, distribute_retrying, run_total, run_done, run_failed
  FROM waybill.job_summary
 WHERE job_id = $1
