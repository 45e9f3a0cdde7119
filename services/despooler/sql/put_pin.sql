-- $1 pin_id, $2 package_id, $3 version, $4 holder, $5 for how long
INSERT INTO waybill.pin (pin_id, package_id, version, holder, end_time)
VALUES ($1, $2, $3, $4, now() + $5::interval)
ON CONFLICT (pin_id) DO UPDATE
   SET package_id = excluded.package_id, version = excluded.version, holder = excluded.holder,
       end_time = excluded.end_time
