-- $1 job_id, $2 site_codes
SELECT split_part(m.member, '|', 1) AS site_code, split_part(m.member, '|', 2) AS server_name
  FROM waybill.job j
  JOIN LATERAL (
         SELECT unnest(j.server_members) AS member
          UNION
         SELECT g.member
           FROM waybill.machine_group_member g
          WHERE g.group_name = j.server_group AND j.origin_site_code = (SELECT site_code FROM waybill.self)
       ) m ON true
 WHERE j.job_id = $1 AND split_part(m.member, '|', 1) = ANY ($2::text[])
 ORDER BY 1, 2
