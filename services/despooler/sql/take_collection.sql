-- $1 holder, $2 lease
UPDATE waybill.lease
   SET holder = $1, end_time = now() + $2::interval
 WHERE lease_name = 'collect' AND end_time <= now()
RETURNING fence
