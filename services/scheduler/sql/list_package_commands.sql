-- $1 package ids
SELECT package_id, command_name, arguments, extract(epoch FROM time_limit)::bigint AS time_limit_seconds,
       success_exit_codes, platforms
  FROM waybill.package_command
 WHERE package_id = ANY ($1::text[])
 ORDER BY package_id, position
