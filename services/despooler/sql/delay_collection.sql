-- $1 holder, $2 delay
UPDATE waybill.lease SET end_time = now() + $2::interval WHERE lease_name = 'collect' AND holder = $1
