-- $1 group_name, $2 the members that stay
DELETE FROM waybill.machine_group_member m
 WHERE group_name = $1
   AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS i (member) WHERE i.member = m.member)
