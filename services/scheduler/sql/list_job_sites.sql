-- $1 job_id
SELECT s.site_code, s.send_state, s.send_reason, s.send_next_time, s.bytes_total, s.bytes_sent,
       coalesce(d.total, 0) AS distribute_total, coalesce(d.done, 0) AS distribute_done,
       coalesce(d.failed, 0) AS distribute_failed, coalesce(d.retrying, 0) AS distribute_retrying,
       coalesce(r.total, 0) AS run_total, coalesce(r.done, 0) AS run_done, coalesce(r.failed, 0) AS run_failed
  FROM waybill.job_site s
  LEFT JOIN waybill.job_server_progress d ON d.job_id = $1 AND d.site_code = s.site_code
  LEFT JOIN waybill.job_target_progress r ON r.job_id = $1 AND r.site_code = s.site_code
 WHERE s.job_id = $1
 ORDER BY s.site_code
