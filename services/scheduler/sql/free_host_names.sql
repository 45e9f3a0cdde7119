-- $1 JSON array of status records
-- Another workstation that had the name of one of these has a new one by now; until its own record comes it goes by its
-- SMS ID.
UPDATE waybill.workstation w
   SET host_name = w.sms_id
  FROM jsonb_array_elements($1::jsonb) e,
       jsonb_to_record(e -> 'workstation') AS r (sms_id text, site_code text, host_name text, domain text)
 WHERE w.site_code = r.site_code AND w.domain = r.domain AND w.host_name = r.host_name AND w.sms_id <> r.sms_id
