-- $1 pin_id
DELETE FROM waybill.pin
 WHERE pin_id = $1
