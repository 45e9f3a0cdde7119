-- $1 site_code or empty, $2 whether ended ones too, $3 the place (group, order, id) behind which to go on, $4 how many
SELECT send_request_id, job_id, site_code, package_id, version, revision, priority, state, reason, attempt_count,
       bytes_total, bytes_sent, create_time, next_time, finish_time, place
  FROM (SELECT r.*, CASE WHEN r.state = 3 THEN ARRAY[0, -r.priority, r.send_request_id]
                         WHEN r.state < 6 THEN ARRAY[1, -r.priority, r.send_request_id]
                         ELSE ARRAY[2, 0, -r.send_request_id] END AS place
          FROM waybill.send_request r
         WHERE ($1 = '' OR r.site_code = $1) AND ($2 OR r.state < 6)) queue
 WHERE place > $3::bigint[]
 ORDER BY place
 LIMIT $4
