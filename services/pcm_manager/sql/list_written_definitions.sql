-- $1 change_time from which on, $2 the last sms_id of the batch before, $3 how many at most
SELECT sms_id, domain, written_version
  FROM waybill.pcm_definition
 WHERE written_version > 0 AND change_time >= $1 AND sms_id > $2
 ORDER BY sms_id
 LIMIT $3
