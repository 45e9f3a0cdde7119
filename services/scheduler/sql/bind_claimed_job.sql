-- $1 job_id, $2 fence, $3 version or NULL. Locks the row; no row: the claim is lost or the job cancelled.
UPDATE waybill.job
   SET state = 2, reason = '', version = coalesce($3::bytea, version), activate_time = now()
 WHERE job_id = $1 AND fence = $2 AND state = 1
RETURNING type, target_kind, target_names, package_id
