-- $1 pin_id, $2 package_id, $3 holder, $4 duration
-- Without version: the import does not know yet which chunks of the store it relies on.
INSERT INTO waybill.pin (pin_id, package_id, version, holder, end_time)
VALUES ($1, $2, NULL, $3, now() + $4::interval)
