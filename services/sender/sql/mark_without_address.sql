-- $1 reason. They stay due, so that an address helps at once.
WITH waiting AS (
  UPDATE waybill.send_request r
     SET reason = $1
   WHERE r.state IN (2, 5) AND r.next_time <= now() AND r.reason <> $1
     AND NOT EXISTS (SELECT FROM waybill.address a WHERE a.site_code = r.site_code)
  RETURNING r.job_id, r.site_code, r.with_targets
)
UPDATE waybill.job_site s
   SET send_reason = $1, change_time = now()
  FROM waiting w
 WHERE w.with_targets AND s.job_id = w.job_id AND s.site_code = w.site_code AND s.send_state NOT IN (6, 7)
