-- $1 JSON array of status records
INSERT INTO waybill.distribution_server (site_code, server_name)
SELECT DISTINCT r.site_code, r.server_name
  FROM jsonb_array_elements($1::jsonb) e,
       jsonb_to_record(e -> 'distribution_server') AS r (site_code text, server_name text)
ON CONFLICT DO NOTHING
