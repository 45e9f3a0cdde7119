-- $1 job_id. To every neighbour that a Sender ever tried (its claim raised the fence).
INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, version, priority)
SELECT DISTINCT j.job_id, q.site_code, j.revision, false, j.package_id, NULL::bytea, 3
  FROM waybill.job j
  JOIN waybill.send_request q ON q.job_id = j.job_id AND q.revision < j.revision AND q.fence > 0
 WHERE j.job_id = $1
    ON CONFLICT (job_id, site_code, revision) DO NOTHING
