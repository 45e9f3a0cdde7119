-- $1 job_id
-- Waits for a Sender that is claiming one just now, so that it counts as tried; later claims pass over locked rows.
SELECT send_request_id
  FROM waybill.send_request
 WHERE job_id = $1 AND state NOT IN (6, 7)
 ORDER BY send_request_id
   FOR UPDATE
