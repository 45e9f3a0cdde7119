-- $1 pin_id, $2 for how long
-- One that has ended is not renewed: what it held may have been collected.
UPDATE waybill.pin SET end_time = now() + $2::interval WHERE pin_id = $1 AND end_time > now()
