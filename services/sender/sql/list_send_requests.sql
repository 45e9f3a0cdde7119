-- $1 site_code or empty, $2 whether ended ones too, $3 the place (group, order, id) behind which to go on, $4 how many
WITH queue AS (
  SELECT send_request_id, CASE WHEN state = 3 THEN ARRAY[0, -priority, send_request_id]
                               WHEN state < 6 THEN ARRAY[1, -priority, send_request_id]
                               ELSE ARRAY[2, 0, -send_request_id] END AS place
    FROM waybill.send_request
   WHERE ($1 = '' OR site_code = $1) AND ($2 OR state < 6)
)
SELECT r.send_request_id, r.job_id, r.site_code, r.package_id, r.version, r.revision, r.priority, r.state, r.reason,
       r.attempt_count, r.bytes_total, r.bytes_sent, r.create_time, r.next_time, r.finish_time, q.place
  FROM queue q
  JOIN waybill.send_request r USING (send_request_id)
 WHERE q.place > $3::bigint[]
 ORDER BY q.place
 LIMIT $4
