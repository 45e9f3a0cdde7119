-- $1 send_request_ids that have failed, $2 reason. The neighbour and all target sites behind it: nothing else reaches them.
UPDATE waybill.job_site s
   SET send_state = 7, send_reason = $2, send_next_time = NULL, change_time = now()
  FROM waybill.send_request r
  JOIN waybill.site_route route ON route.next_site_code = r.site_code
 WHERE r.send_request_id = ANY ($1::bigint[]) AND r.state = 7 AND r.with_targets
   AND s.job_id = r.job_id AND s.site_code = route.site_code AND s.send_state NOT IN (6, 7)
