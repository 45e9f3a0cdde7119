-- $1 site codes, $2 at most so many
SELECT DISTINCT n.site_code
  FROM unnest($1::text[]) AS n (site_code)
 WHERE NOT EXISTS (SELECT 1 FROM waybill.site_route r WHERE r.site_code = n.site_code)
 ORDER BY n.site_code
 LIMIT $2
