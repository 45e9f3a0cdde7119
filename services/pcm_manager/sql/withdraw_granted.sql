-- $1 job_id, $2 sms_id, $3 reason
UPDATE waybill.job_target
   SET state = 11, reason = $3, change_time = clock_timestamp()
 WHERE job_id = $1 AND sms_id = $2 AND state = 4
