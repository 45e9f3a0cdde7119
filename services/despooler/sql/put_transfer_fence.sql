-- $1 sender_site_code, $2 send_request_id, $3 fence. No row: a higher fence was seen.
INSERT INTO waybill.transfer_fence AS known (sender_site_code, send_request_id, fence)
VALUES ($1, $2, $3)
ON CONFLICT (sender_site_code, send_request_id) DO UPDATE
   SET fence = excluded.fence, change_time = now()
 WHERE known.fence <= excluded.fence
RETURNING fence
