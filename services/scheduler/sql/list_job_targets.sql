-- $1 job_id, $2 the SMS ID before the first one, $3 states (empty: all), $4 at most so many, $5 at most so many bytes
WITH page AS (
  SELECT sms_id, site_code, state, reason, attempt_count, exit_code, output, start_time, run_duration, change_time
    FROM waybill.job_target
   WHERE job_id = $1 AND sms_id > $2 AND (cardinality($3::smallint[]) = 0 OR state = ANY ($3::smallint[]))
   ORDER BY sms_id
   LIMIT $4::bigint + 1
), measured AS (
  SELECT sms_id, site_code, state, reason, attempt_count, exit_code, output, start_time, run_duration, change_time,
         row_number() OVER by_id AS place, count(*) OVER () AS found,
         coalesce(sum(200 + octet_length(reason) + octet_length(output)) OVER before, 0) AS bytes_before
    FROM page
  WINDOW by_id AS (ORDER BY sms_id), before AS (ORDER BY sms_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT m.sms_id, m.site_code, m.state, m.reason, m.attempt_count, coalesce(m.exit_code, 0) AS exit_code, m.output,
       m.start_time, (extract(epoch FROM m.run_duration) * 1000000)::bigint AS run_microseconds, m.change_time,
       m.place < m.found AS has_next, coalesce(w.host_name, '') AS host_name, coalesce(w.domain, '') AS domain
  FROM measured m
  LEFT JOIN waybill.workstation w ON w.sms_id = m.sms_id
 WHERE m.place <= $4::bigint AND m.bytes_before < $5::bigint
 ORDER BY m.sms_id
