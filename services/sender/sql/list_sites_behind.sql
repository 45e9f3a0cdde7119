-- $1 job_id, $2 the neighbour
SELECT s.site_code
  FROM waybill.job_site s
  JOIN waybill.site_route r ON r.site_code = s.site_code AND r.next_site_code = $2
 WHERE s.job_id = $1
 ORDER BY s.site_code
