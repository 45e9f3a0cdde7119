-- $1 job_id, $2 reason. One that was not activated yet has nothing to stop and is CANCELLED at once.
UPDATE waybill.job
   SET cancel_epoch = cancel_epoch + 1, revision = revision + 1, reason = $2,
       state = CASE WHEN state = 1 THEN 7 ELSE 6 END,
       finish_time = CASE WHEN state = 1 THEN now() END
 WHERE job_id = $1
