-- $1 group_name
SELECT member
  FROM waybill.machine_group_member
 WHERE group_name = $1
 ORDER BY member
