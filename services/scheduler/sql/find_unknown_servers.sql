-- $1 servers as site|server
SELECT i.member AS name
  FROM unnest($1::text[]) WITH ORDINALITY AS i (member, place)
 WHERE NOT EXISTS (SELECT FROM waybill.distribution_server d
                    WHERE d.site_code = split_part(i.member, '|', 1)
                      AND d.server_name = split_part(i.member, '|', 2))
 ORDER BY i.place
