-- $1 JSON array of status records, $2 site_code of the child
-- How far the sending to the child itself is, this site's own Sender knows; the child only knows that it cannot take part.
WITH r AS (
  SELECT DISTINCT ON (r.job_id, r.site_code) r.*
    FROM jsonb_array_elements($1::jsonb) e,
         jsonb_to_record(e -> 'send') AS r (job_id text, site_code text, state smallint, reason text,
                                            next_time timestamptz, bytes_total bigint, bytes_sent bigint,
                                            commit_seen boolean, revision_committed bigint, package_removed boolean)
   ORDER BY r.job_id, r.site_code, (e ->> 'sequence')::bigint DESC
)
UPDATE waybill.job_site s
   SET send_state     = CASE WHEN own THEN s.send_state ELSE r.state END,
       send_reason    = CASE WHEN own THEN s.send_reason ELSE coalesce(r.reason, '') END,
       send_next_time = CASE WHEN own THEN s.send_next_time ELSE r.next_time END,
       bytes_total    = CASE WHEN s.site_code = $2 THEN s.bytes_total ELSE coalesce(r.bytes_total, 0) END,
       bytes_sent     = CASE WHEN s.site_code = $2 THEN s.bytes_sent ELSE coalesce(r.bytes_sent, 0) END,
       commit_seen    = s.commit_seen OR coalesce(r.commit_seen, false),
       revision_committed = greatest(s.revision_committed, coalesce(r.revision_committed, 0)),
       package_removed    = s.package_removed OR coalesce(r.package_removed, false),
       change_time    = now()
  FROM r, LATERAL (SELECT r.site_code = $2 AND r.state <> 7 AS own) o
 WHERE s.job_id = r.job_id AND s.site_code = r.site_code
