-- $1 how many of each neighbour
SELECT send_request_id, site_code, concurrent_sends_max
  FROM (SELECT r.send_request_id, r.site_code, r.priority, a.concurrent_sends_max,
               row_number() OVER (PARTITION BY r.site_code ORDER BY r.priority DESC, r.send_request_id) AS place
          FROM waybill.send_request r
          JOIN waybill.address a USING (site_code)
         WHERE r.state IN (2, 3, 4, 5) AND r.next_time <= now() AND r.lease_end_time <= now()) due
 WHERE place <= $1
 ORDER BY priority DESC, send_request_id
