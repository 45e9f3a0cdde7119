-- $1 job_id, $2 sms_id, $3 run_id, $4 run_token
UPDATE waybill.job_target
   SET state = 4, reason = '', run_id = $3, run_token = $4, attempt_count = attempt_count + 1,
       start_time = clock_timestamp(), change_time = clock_timestamp()
 WHERE job_id = $1 AND sms_id = $2
