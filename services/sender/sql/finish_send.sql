-- $1 send_request_id, $2 fence, $3 state (6 SENT, 7 FAILED), $4 reason
UPDATE waybill.send_request
   SET state = $3, reason = $4, finish_time = now(), lease_end_time = '-infinity'
 WHERE send_request_id = $1 AND fence = $2 AND state = 3
RETURNING send_request_id
