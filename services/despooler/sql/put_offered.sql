-- $1 sms_ids, $2 job_ids
UPDATE waybill.job_target t
   SET state = 2, change_time = now()
  FROM unnest($1::text[], $2::text[]) AS k (sms_id, job_id)
 WHERE t.job_id = k.job_id AND t.sms_id = k.sms_id AND t.state = 1
