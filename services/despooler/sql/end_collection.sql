-- $1 holder, $2 fence
-- Not if it was asked for once more meanwhile: then it is due again.
WITH again AS (
  UPDATE waybill.lease SET end_time = '-infinity'
   WHERE lease_name = 'collect' AND holder = $1 AND fence <> $2::bigint
)
DELETE FROM waybill.lease WHERE lease_name = 'collect' AND holder = $1 AND fence = $2::bigint
