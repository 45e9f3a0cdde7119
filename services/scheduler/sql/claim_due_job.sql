-- $1 lease
UPDATE waybill.job j
   SET fence = j.fence + 1, lease_end_time = now() + $1::interval
  FROM waybill.package p
 WHERE p.package_id = j.package_id
   AND j.job_id = (SELECT d.job_id FROM waybill.job d, waybill.self s
                    WHERE d.state = 1 AND d.start_after <= now() AND d.lease_end_time <= now()
                      AND d.origin_site_code = s.site_code
                    ORDER BY d.priority DESC, d.start_after, d.job_id
                    LIMIT 1
                      FOR UPDATE OF d SKIP LOCKED)
RETURNING j.job_id, j.fence, j.package_id, encode(j.version, 'hex') AS version, j.type, j.send_phase,
          p.source_directory <> '' AS has_source, j.deadline <= now() AS is_late
