-- $1 send_request_id
UPDATE waybill.job_site s
   SET send_state = 6, send_reason = '', send_next_time = NULL, change_time = now()
  FROM waybill.send_request r
 WHERE r.send_request_id = $1 AND r.with_targets
   AND s.job_id = r.job_id AND s.site_code = r.site_code AND s.send_state NOT IN (6, 7)
