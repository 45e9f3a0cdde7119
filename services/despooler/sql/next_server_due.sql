-- $1 site_code
-- Only what lies ahead: what is due now and was not claimed waits for somebody who works, and his lease counts.
SELECT (extract(epoch FROM min(greatest(coalesce(s.next_time, '-infinity'), s.lease_end_time)) - now()) * 1000000)::bigint
  FROM waybill.job_server s
  JOIN waybill.job j USING (job_id)
 WHERE s.site_code = $1 AND s.state IN (1, 2, 4, 6) AND j.cancel_epoch = 0
   AND greatest(coalesce(s.next_time, '-infinity'), s.lease_end_time) > now()
