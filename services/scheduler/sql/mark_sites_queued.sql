-- $1 job_id. Only neighbours: what happens further down their sites report.
UPDATE waybill.job_site s
   SET send_state = 2, change_time = now()
 WHERE s.job_id = $1 AND s.send_state = 1
   AND EXISTS (SELECT 1 FROM waybill.send_request q WHERE q.job_id = s.job_id AND q.site_code = s.site_code)
