-- $1 group_name
SELECT kind FROM waybill.machine_group WHERE group_name = $1
