-- $1 package_id
SELECT command_name FROM waybill.package_command WHERE package_id = $1 ORDER BY position
