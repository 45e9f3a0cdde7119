-- $1 the sequence that the parent has acknowledged
DELETE FROM waybill.outbox WHERE sequence <= $1
