-- $1 request_id, $2 type, $3 comment, $4 package_id, $5 version, $6 priority, $7 target_kind, $8 target_names,
-- $9 start_after, $10 deadline, $11 send_phase, $12 refresh_existing, $13 put_on_specified, $14 server_group,
-- $15 command_name, $16 offer_after, $17 mandatory_after, $18 expires_after. A repeat returns the first job's id.
INSERT INTO waybill.job (job_id, origin_site_code, request_id, type, comment, package_id, version, priority,
                         target_kind, target_names, start_after, deadline, send_phase, refresh_existing,
                         put_on_specified, server_group, command_name, arguments, time_limit, success_exit_codes,
                         platforms, offer_after, mandatory_after, expires_after, state)
SELECT s.site_code || lpad(n.number::text, greatest(5, length(n.number::text)), '0'), s.site_code, $1, $2::smallint,
       $3, $4, $5::bytea, $6::smallint, $7::smallint, $8::text[], $9::timestamptz, $10::timestamptz, $11::smallint,
       $12::boolean, $13::boolean, $14, $15, coalesce(c.arguments, '{}'), coalesce(c.time_limit, '1 hour'),
       coalesce(c.success_exit_codes, '{0}'), coalesce(c.platforms, '{}'), $16::timestamptz, $17::timestamptz,
       $18::timestamptz, 1
  FROM waybill.self s
 CROSS JOIN nextval('waybill.job_number') AS n (number)
  LEFT JOIN waybill.package_command c ON c.package_id = $4 AND c.command_name = $15
    ON CONFLICT (request_id) DO UPDATE SET request_id = excluded.request_id
RETURNING job_id
