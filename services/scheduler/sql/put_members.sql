-- $1 group_name, $2 members, which may repeat
INSERT INTO waybill.machine_group_member (group_name, member)
SELECT DISTINCT $1, i.member
  FROM unnest($2::text[]) AS i (member)
    ON CONFLICT (group_name, member) DO NOTHING
