-- $1 the last sms_id of the batch before, $2 how many at most
SELECT sms_id, domain, offer_version, written_version
  FROM waybill.pcm_definition
 WHERE sms_id > $1
 ORDER BY sms_id
 LIMIT $2
