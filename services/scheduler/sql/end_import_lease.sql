-- $1 lease_name, $2 fence
-- The row stays, so that fences only grow.
UPDATE waybill.lease SET end_time = '-infinity'
 WHERE lease_name = $1 AND fence = $2::bigint
