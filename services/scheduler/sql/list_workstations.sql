-- $1 after this SMS ID, $2 site_code, $3 domain, $4 host_name (each NULL for any), $5 how many
SELECT sms_id, site_code, host_name, domain, operating_system, properties::text AS properties, register_time
  FROM waybill.workstation
 WHERE sms_id > $1
   AND ($2::text IS NULL OR site_code = $2)
   AND ($3::text IS NULL OR domain = $3)
   AND ($4::text IS NULL OR host_name = $4)
 ORDER BY sms_id
 LIMIT $5::bigint
