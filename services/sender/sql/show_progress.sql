-- $1 send_request_id, $2 fence, $3 bytes_total, $4 bytes_sent more than before
WITH request AS (
  UPDATE waybill.send_request
     SET bytes_total = $3, bytes_sent = bytes_sent + $4
   WHERE send_request_id = $1 AND fence = $2 AND state = 3
  RETURNING job_id, site_code, bytes_sent, with_targets
)
UPDATE waybill.job_site s
   SET bytes_total = $3, bytes_sent = r.bytes_sent, change_time = now()
  FROM request r
 WHERE s.job_id = r.job_id AND s.site_code = r.site_code AND r.with_targets
