-- $1 job_id, $2 revision. No row: another Scheduler has forwarded it.
UPDATE waybill.instruction i
   SET forward_time = now()
  FROM waybill.job j, waybill.self me
 WHERE i.job_id = $1 AND i.revision = $2 AND i.forward_time IS NULL AND j.job_id = i.job_id
RETURNING j.origin_site_code <> me.site_code AS is_from_above, j.cancel_epoch > 0 AS is_cancelled,
          i.revision = j.revision AS is_newest
