-- $1 server_name, or NULL for all
SELECT server_name, directory
  FROM waybill.logon_server
 WHERE $1::text IS NULL OR server_name = $1
 ORDER BY server_name
