-- no parameters
WITH servers AS (
  SELECT site_code, count(*) AS total FROM waybill.distribution_server GROUP BY site_code
), workstations AS (
  SELECT site_code, count(*) AS total FROM waybill.workstation GROUP BY site_code
)
SELECT r.site_code, coalesce(s.parent_site_code, '') AS parent_site_code, s.name, r.depth,
       coalesce(d.total, 0) AS distribution_server_count,
       coalesce(w.total, 0) AS workstation_count, i.last_report_time
  FROM waybill.site_route r
  JOIN waybill.site s USING (site_code)
  LEFT JOIN servers d USING (site_code)
  LEFT JOIN workstations w USING (site_code)
  LEFT JOIN waybill.inbox i USING (site_code)
 ORDER BY r.depth, r.site_code
