-- $1 SMS IDs, $2 at most so many
SELECT DISTINCT n.sms_id
  FROM unnest($1::text[]) AS n (sms_id)
  LEFT JOIN waybill.workstation w ON w.sms_id = n.sms_id
 WHERE w.sms_id IS NULL
 ORDER BY n.sms_id
 LIMIT $2
