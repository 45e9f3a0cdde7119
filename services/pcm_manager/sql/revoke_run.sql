-- $1 job_id, $2 sms_id, $3 state, $4 reason
UPDATE waybill.job_target
   SET state = $3, reason = $4, change_time = clock_timestamp()
 WHERE job_id = $1 AND sms_id = $2 AND state = 4
