-- no parameters
-- All logon servers of this site.
SELECT server_name, directory
  FROM waybill.logon_server
 ORDER BY server_name
