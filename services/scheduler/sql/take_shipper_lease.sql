-- $1 holder, $2 lease duration
INSERT INTO waybill.lease (lease_name, holder, end_time)
VALUES ('status-shipper', $1, now() + $2::interval)
ON CONFLICT (lease_name) DO UPDATE
   SET holder = excluded.holder, end_time = excluded.end_time,
       fence = CASE WHEN waybill.lease.holder = excluded.holder THEN waybill.lease.fence ELSE waybill.lease.fence + 1 END
 WHERE waybill.lease.holder = excluded.holder OR waybill.lease.end_time <= now()
RETURNING fence
