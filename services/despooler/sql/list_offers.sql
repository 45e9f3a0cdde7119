-- $1 site_code, $2 job_ids
-- What the offers of these jobs say. A job whose version stands on no server here has none.
SELECT j.job_id, j.comment, j.package_id, p.name AS package_name, encode(j.version, 'hex') AS version,
       l.plain_bytes, j.command_name, j.arguments, extract(epoch FROM j.time_limit)::bigint AS time_limit_seconds,
       j.success_exit_codes, j.offer_after, j.mandatory_after, j.expires_after, l.server_names, l.directories,
       l.share_directories, l.share_urls
  FROM waybill.job j
  JOIN waybill.package p USING (package_id)
  JOIN LATERAL (
         SELECT max(plain_bytes) AS plain_bytes, array_agg(server_name ORDER BY server_name) AS server_names,
                array_agg(l.directory ORDER BY server_name) AS directories,
                array_agg(coalesce(s.directory, '') ORDER BY server_name) AS share_directories,
                array_agg(coalesce(s.url, '') ORDER BY server_name) AS share_urls
           FROM waybill.location l
           LEFT JOIN waybill.distribution_share s USING (site_code, server_name, drive)
          WHERE site_code = $1 AND package_id = j.package_id AND version = j.version
       ) l ON l.server_names IS NOT NULL
 WHERE j.job_id = ANY ($2::text[])
