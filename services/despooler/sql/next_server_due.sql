-- $1 site_code
-- Only what lies ahead: what is due now and was not claimed waits for somebody who works, and his lease counts, also
-- when his own row was ended meanwhile.
SELECT (extract(epoch FROM min(due_time) - now()) * 1000000)::bigint
  FROM (SELECT greatest(coalesce(s.next_time, '-infinity'), s.lease_end_time) AS due_time
          FROM waybill.job_server s
          JOIN waybill.job j USING (job_id)
         WHERE s.site_code = $1 AND s.state IN (1, 2, 4, 6) AND j.cancel_epoch = 0
         UNION ALL
        SELECT lease_end_time
          FROM waybill.job_server
         WHERE site_code = $1 AND lease_end_time > '-infinity') AS d
 WHERE due_time > now()
