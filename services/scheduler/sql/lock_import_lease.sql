-- $1 lease_name, $2 fence
-- Locked until the commit: nobody can take over an import that is about to become visible.
SELECT fence
  FROM waybill.lease
 WHERE lease_name = $1 AND fence = $2::bigint AND end_time > now()
   FOR UPDATE
