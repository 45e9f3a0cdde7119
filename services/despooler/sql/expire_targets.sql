-- $1 site_code, $2 how many at most
-- A job that FAILED at its deadline leaves offers open; of those that FAILED earlier every edge had ended.
WITH expired AS (
  SELECT t.job_id, t.sms_id
    FROM waybill.job j
    JOIN waybill.job_target t ON t.job_id = j.job_id AND t.site_code = $1
   WHERE j.expires_after <= now() AND t.state IN (1, 2, 3)
     AND (j.state IN (1, 2, 3, 6) OR (j.state = 5 AND j.finish_time >= j.deadline))
   ORDER BY t.job_id, t.sms_id
   LIMIT $2
     FOR UPDATE OF t SKIP LOCKED
)
UPDATE waybill.job_target t
   SET state = 8, reason = '', change_time = now()
  FROM expired e
 WHERE t.job_id = e.job_id AND t.sms_id = e.sms_id
RETURNING t.sms_id
