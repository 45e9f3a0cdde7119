-- $1 JSON array of status records
-- A workstation that a site outside the child's subtree registered stays that site's.
INSERT INTO waybill.workstation AS w (sms_id, site_code, host_name, domain, operating_system, properties, register_time)
SELECT DISTINCT ON (r.sms_id) r.sms_id, r.site_code, r.host_name, r.domain, coalesce(r.operating_system, ''),
       coalesce(r.properties, '{}'), r.register_time
  FROM jsonb_array_elements($1::jsonb) e,
       jsonb_to_record(e -> 'workstation') AS r (sms_id text, site_code text, host_name text, domain text,
                                                 operating_system text, properties jsonb, register_time timestamptz)
 ORDER BY r.sms_id, (e ->> 'sequence')::bigint DESC
ON CONFLICT (sms_id) DO UPDATE
   SET site_code = excluded.site_code, host_name = excluded.host_name, domain = excluded.domain,
       operating_system = excluded.operating_system, properties = excluded.properties
 WHERE w.site_code = excluded.site_code
    OR EXISTS (SELECT FROM waybill.site_route now_at
                 JOIN waybill.site_route was_at ON was_at.next_site_code = now_at.next_site_code
                WHERE now_at.site_code = excluded.site_code AND was_at.site_code = w.site_code)
