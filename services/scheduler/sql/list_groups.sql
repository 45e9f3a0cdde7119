-- $1 group_name, or NULL for all
SELECT group_name, kind
  FROM waybill.machine_group
 WHERE $1::text IS NULL OR group_name = $1
 ORDER BY group_name
