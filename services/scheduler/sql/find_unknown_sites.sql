-- $1 site codes. Those that are neither this site nor below it, once each, in the order they are named.
SELECT i.site_code AS name
  FROM unnest($1::text[]) WITH ORDINALITY AS i (site_code, place)
 WHERE NOT EXISTS (SELECT FROM waybill.site_route r WHERE r.site_code = i.site_code)
 GROUP BY i.site_code
 ORDER BY min(i.place)
