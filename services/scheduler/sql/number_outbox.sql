-- $1 how many at most
-- Runs under lock_shipper_lease, so that one process gives numbers. Sequences go on from the last one given, in the order of the rows.
WITH batch AS (
  SELECT outbox_id, row_number() OVER (ORDER BY outbox_id) AS place
    FROM (SELECT outbox_id FROM waybill.outbox WHERE sequence IS NULL ORDER BY outbox_id LIMIT $1) waiting
), numbered AS (
  UPDATE waybill.outbox o
     SET sequence = s.shipped_sequence + b.place
    FROM batch b, waybill.self s
   WHERE o.outbox_id = b.outbox_id
  RETURNING o.outbox_id
)
UPDATE waybill.self SET shipped_sequence = shipped_sequence + (SELECT count(*) FROM numbered)
 WHERE EXISTS (SELECT FROM batch)
