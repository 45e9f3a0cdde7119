-- $1 sender_site_code, $2 send_request_id
-- That of a request which is committed: a repeat of it changes nothing, whatever its fence. And those of requests that
-- nobody came back to for longer than any sender tries.
DELETE FROM waybill.transfer_fence
 WHERE sender_site_code = $1 AND send_request_id = $2 OR change_time < now() - interval '180 days'
