-- $1 sms_id
-- Its offers changed: the Despooler writes the file anew.
UPDATE waybill.pcm_definition
   SET offer_version = offer_version + 1, change_time = now()
 WHERE sms_id = $1
