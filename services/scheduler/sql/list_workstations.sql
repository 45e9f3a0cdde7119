-- $1 after this SMS ID, $2 site_code, $3 domain, $4 host_name (each NULL for any), $5 at most so many, $6 at most so many bytes
WITH page AS (
  SELECT sms_id, site_code, host_name, domain, operating_system, properties::text AS properties, register_time
    FROM waybill.workstation
   WHERE sms_id > $1
     AND ($2::text IS NULL OR site_code = $2)
     AND ($3::text IS NULL OR domain = $3)
     AND ($4::text IS NULL OR host_name = $4)
   ORDER BY sms_id
   LIMIT $5::bigint + 1
), measured AS (
  SELECT sms_id, site_code, host_name, domain, operating_system, properties, register_time,
         row_number() OVER by_id AS place, count(*) OVER () AS found,
         coalesce(sum(300 + octet_length(properties)) OVER before, 0) AS bytes_before
    FROM page
  WINDOW by_id AS (ORDER BY sms_id), before AS (ORDER BY sms_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT sms_id, site_code, host_name, domain, operating_system, properties, register_time, place < found AS has_next
  FROM measured
 WHERE place <= $5::bigint AND bytes_before < $6::bigint
 ORDER BY sms_id
