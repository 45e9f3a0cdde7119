-- $1 package_id, $2 position, $3 command_name, $4 arguments, $5 time_limit, $6 success_exit_codes, $7 platforms
INSERT INTO waybill.package_command
       (package_id, position, command_name, arguments, time_limit, success_exit_codes, platforms)
VALUES ($1, $2::smallint, $3, $4::text[], $5::interval, $6::integer[], $7::text[])
