-- $1 site_code, $2 SMS IDs, $3 domains, $4 host names, $5 operating systems, $6 properties as JSON
-- One row for each that was created or changed; a repeat writes nothing, so that it reports nothing.
INSERT INTO waybill.workstation AS w (sms_id, site_code, host_name, domain, operating_system, properties)
SELECT i.sms_id, $1, i.host_name, i.domain, i.operating_system, i.properties::jsonb
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
       AS i (sms_id, domain, host_name, operating_system, properties)
    ON CONFLICT (sms_id) DO UPDATE
   SET host_name = EXCLUDED.host_name, domain = EXCLUDED.domain,
       operating_system = EXCLUDED.operating_system, properties = EXCLUDED.properties
 WHERE (w.host_name, w.domain, w.operating_system, w.properties)
       IS DISTINCT FROM
       (EXCLUDED.host_name, EXCLUDED.domain, EXCLUDED.operating_system, EXCLUDED.properties)
RETURNING (xmax = 0) AS created
