-- $1 job_id, $2 sms_id, $3 state, $4 reason, $5 exit_code, $6 output, $7 run_duration or NULL,
-- $8 start_time by the workstation's clock or NULL, $9 whether the exit code means anything
-- That clock is only believed between the grant, which start_time holds until now, and this moment.
UPDATE waybill.job_target
   SET state = $3, reason = $4, exit_code = CASE WHEN $9 THEN $5::integer END, output = $6, run_duration = $7,
       start_time = least(greatest($8::timestamptz, start_time), clock_timestamp()), change_time = clock_timestamp()
 WHERE job_id = $1 AND sms_id = $2
