-- $1 site_code of the child, $2 its epoch
-- A higher epoch starts anew; a lower one changes nothing, and the caller sees it.
INSERT INTO waybill.inbox AS i (site_code, epoch)
VALUES ($1, $2)
ON CONFLICT (site_code) DO UPDATE
   SET sequence = CASE WHEN excluded.epoch > i.epoch THEN 0 ELSE i.sequence END,
       epoch = greatest(i.epoch, excluded.epoch), last_report_time = now()
RETURNING epoch, sequence
