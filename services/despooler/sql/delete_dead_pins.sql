-- no parameters
-- Those that have ended, and those of transfers that began while their job was being cancelled.
DELETE FROM waybill.pin p
 WHERE p.end_time <= now()
    OR EXISTS (SELECT FROM waybill.job j WHERE j.job_id = p.job_id AND j.cancel_epoch > 0)
