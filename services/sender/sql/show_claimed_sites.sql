-- $1 send_request_ids
UPDATE waybill.job_site s
   SET send_state = 3, send_reason = '', send_next_time = NULL, change_time = now()
  FROM waybill.send_request r
 WHERE r.send_request_id = ANY ($1::bigint[]) AND r.with_targets
   AND s.job_id = r.job_id AND s.site_code = r.site_code AND s.send_state NOT IN (3, 6, 7)
