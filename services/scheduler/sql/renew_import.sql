-- $1 lease_name, $2 fence, $3 pin_id, $4 duration
-- No row: the lease is another's, or the pin has been taken for dead and removed.
WITH renewed AS (
  UPDATE waybill.lease SET end_time = now() + $4::interval
   WHERE lease_name = $1 AND fence = $2::bigint AND end_time > now()
  RETURNING lease_name
)
UPDATE waybill.pin SET end_time = now() + $4::interval
 WHERE pin_id = $3 AND EXISTS (SELECT FROM renewed)
