-- $1 job_id, $2 own site_code, $3 package_id, $4 version, NULL for every version
-- Servers where the ledger knows a copy, and those where somebody worked on one and did not get to say how it ended: a
-- tree may stand there that nobody knows.
INSERT INTO waybill.job_server (job_id, site_code, server_name, state, next_time)
SELECT $1, $2, server_name, 6, now()
  FROM (SELECT server_name
          FROM waybill.location
         WHERE site_code = $2 AND package_id = $3 AND ($4::bytea IS NULL OR version = $4)
         UNION
        SELECT s.server_name
          FROM waybill.job j
          JOIN waybill.job_server s USING (job_id)
          JOIN waybill.distribution_server d USING (site_code, server_name)
         WHERE j.package_id = $3 AND ($4::bytea IS NULL OR j.version = $4) AND j.type <> 3
           AND s.site_code = $2 AND s.state = 5 AND s.fence > 0) AS may_hold
 ORDER BY server_name
ON CONFLICT (job_id, site_code, server_name) DO NOTHING
