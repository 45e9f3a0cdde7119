-- $1 at most so many
SELECT job_id, revision FROM waybill.instruction WHERE forward_time IS NULL ORDER BY commit_time LIMIT $1
