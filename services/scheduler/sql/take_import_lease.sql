-- $1 lease_name, $2 holder, $3 lease duration
INSERT INTO waybill.lease AS l (lease_name, holder, end_time)
VALUES ($1, $2, now() + $3::interval)
    ON CONFLICT (lease_name) DO UPDATE
   SET holder = EXCLUDED.holder, fence = l.fence + 1, end_time = EXCLUDED.end_time
 WHERE l.end_time <= now()
RETURNING fence
