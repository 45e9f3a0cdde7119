-- $1 job_id
SELECT j.job_id, j.origin_site_code, j.type, j.comment, j.package_id, j.version, j.priority, j.start_after, j.deadline,
       j.send_phase, j.refresh_existing, j.put_on_specified, j.server_group, j.command_name, j.arguments,
       extract(epoch FROM j.time_limit)::bigint AS time_limit_seconds,
       j.success_exit_codes, j.platforms, j.offer_after, j.mandatory_after, j.expires_after, j.revision, j.cancel_epoch,
       j.create_time, p.name AS package_name
  FROM waybill.job j
  JOIN waybill.package p USING (package_id)
 WHERE j.job_id = $1
