-- $1 SMS IDs
SELECT i.sms_id AS name
  FROM unnest($1::text[]) WITH ORDINALITY AS i (sms_id, place)
 WHERE NOT EXISTS (SELECT FROM waybill.workstation w WHERE w.sms_id = i.sms_id)
 ORDER BY i.place
