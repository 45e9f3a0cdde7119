-- $1 SMS IDs. Those that are not known, once each, in the order they are named.
SELECT i.sms_id AS name
  FROM unnest($1::text[]) WITH ORDINALITY AS i (sms_id, place)
 WHERE NOT EXISTS (SELECT FROM waybill.workstation w WHERE w.sms_id = i.sms_id)
 GROUP BY i.sms_id
 ORDER BY min(i.place)
