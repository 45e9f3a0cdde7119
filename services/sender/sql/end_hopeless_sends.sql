-- $1 reason for those that a newer revision of the job replaces, $2 for those that wait beyond the deadline.
-- Takes them out of the queue, with or without an address.
WITH hopeless AS (
  SELECT r.send_request_id, CASE WHEN j.revision > r.revision THEN $1 ELSE $2 END AS reason
    FROM waybill.send_request r
    JOIN waybill.job j USING (job_id)
   WHERE r.state IN (2, 3, 4, 5) AND r.lease_end_time <= now() AND (j.revision > r.revision OR j.deadline <= now())
   ORDER BY r.send_request_id
   LIMIT 1000
     FOR UPDATE OF r SKIP LOCKED
)
UPDATE waybill.send_request r
   SET state = 7, reason = h.reason, fence = r.fence + 1, finish_time = now(), lease_end_time = '-infinity'
  FROM hopeless h
 WHERE r.send_request_id = h.send_request_id
RETURNING r.send_request_id, r.reason
