-- $1 site_code, $2 how many at most
-- Remove jobs that have no open server here and have not yet given up the compressed package.
SELECT s.job_id, j.package_id, j.version,
       (SELECT min(i.commit_time) FROM waybill.instruction i WHERE i.job_id = s.job_id) AS commit_time
  FROM waybill.job j
  JOIN waybill.job_site s ON s.job_id = j.job_id AND s.site_code = $1
 WHERE j.type = 3 AND j.cancel_epoch = 0 AND s.commit_seen AND NOT s.package_removed
   AND NOT EXISTS (
         SELECT
           FROM waybill.job_server o
          WHERE o.job_id = j.job_id AND o.site_code = $1 AND o.state IN (1, 2, 4, 6))
 ORDER BY s.job_id
 LIMIT $2
