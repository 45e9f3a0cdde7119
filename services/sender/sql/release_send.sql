-- $1 send_request_id, $2 fence. Hands a request back that this process does not finish.
UPDATE waybill.send_request
   SET state = 2, next_time = now(), lease_end_time = '-infinity'
 WHERE send_request_id = $1 AND fence = $2 AND state = 3
