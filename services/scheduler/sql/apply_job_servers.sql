-- $1 JSON array of status records
INSERT INTO waybill.job_server AS s (job_id, site_code, server_name, state, reason, next_time)
SELECT DISTINCT ON (r.job_id, r.site_code, r.server_name)
       r.job_id, r.site_code, r.server_name, r.state, coalesce(r.reason, ''), r.next_time
  FROM jsonb_array_elements($1::jsonb) e,
       jsonb_to_record(e -> 'server') AS r (job_id text, site_code text, server_name text, state smallint, reason text,
                                            next_time timestamptz)
  JOIN waybill.job j ON j.job_id = r.job_id
 ORDER BY r.job_id, r.site_code, r.server_name, (e ->> 'sequence')::bigint DESC
ON CONFLICT (job_id, site_code, server_name) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, next_time = excluded.next_time, change_time = now()
