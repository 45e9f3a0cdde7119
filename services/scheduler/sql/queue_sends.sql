-- $1 job_id, $2 revision. One for each neighbour on the way to a target site; this site itself only for its own jobs.
INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, version, priority)
SELECT DISTINCT j.job_id, r.next_site_code, $2::bigint, true, j.package_id,
       CASE WHEN j.type <> 3 AND j.send_phase <> 3 THEN j.version END, j.priority
  FROM waybill.job j
 CROSS JOIN waybill.self me
  JOIN waybill.job_site s ON s.job_id = j.job_id
  JOIN waybill.site_route r ON r.site_code = s.site_code
 WHERE j.job_id = $1 AND (r.depth > 0 OR j.origin_site_code = me.site_code)
    ON CONFLICT (job_id, site_code, revision) DO NOTHING
