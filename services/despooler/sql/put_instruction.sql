-- $1 job_id, $2 revision, $3 own site_code. What began here needs no forwarding: activation queued it.
INSERT INTO waybill.instruction (job_id, revision, forward_time)
SELECT job_id, $2, CASE WHEN origin_site_code = $3 THEN now() END FROM waybill.job WHERE job_id = $1
ON CONFLICT (job_id, revision) DO NOTHING
