-- $1 sms_id, $2 own site_code
SELECT true FROM waybill.workstation WHERE sms_id = $1 AND site_code = $2
