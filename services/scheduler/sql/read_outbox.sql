-- $1 the last sequence that was read, $2 how many at most
-- Each record is read from its row as it stands, as the JSON of StatusRecord's kind. A row that is gone is a copy or a
-- holding that is gone; of other kinds nothing is left to say. A job's site (4) is told in the place of its last change only:
-- its commit is the last change of a transaction, so whoever sees it has the servers that came with it.
WITH newest AS MATERIALIZED (
  SELECT key, max(outbox_id) AS outbox_id FROM waybill.outbox WHERE kind = 4 GROUP BY key
)
SELECT o.sequence, jsonb_strip_nulls(CASE o.kind
         WHEN 1 THEN (SELECT jsonb_build_object('site', jsonb_build_object(
                               'site_code', s.site_code, 'parent_site_code', s.parent_site_code, 'name', s.name))
                        FROM waybill.site s WHERE s.site_code = o.key[1])
         WHEN 2 THEN (SELECT jsonb_build_object('distribution_server', jsonb_build_object(
                               'site_code', d.site_code, 'server_name', d.server_name,
                               'shares', (SELECT jsonb_agg(jsonb_build_object('drive', h.drive, 'directory', h.directory,
                                                                              'url', h.url)
                                                           ORDER BY h.drive)
                                            FROM waybill.distribution_share h
                                           WHERE h.site_code = d.site_code AND h.server_name = d.server_name)))
                        FROM waybill.distribution_server d WHERE d.site_code = o.key[1] AND d.server_name = o.key[2])
         WHEN 3 THEN (SELECT jsonb_build_object('workstation', jsonb_build_object(
                               'sms_id', w.sms_id, 'site_code', w.site_code, 'host_name', w.host_name,
                               'domain', w.domain, 'operating_system', w.operating_system,
                               'properties', w.properties,
                               'register_time', to_char(w.register_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
                        FROM waybill.workstation w WHERE w.sms_id = o.key[1])
         WHEN 4 THEN (SELECT jsonb_build_object('send', jsonb_build_object(
                               'job_id', s.job_id, 'site_code', s.site_code, 'state', s.send_state,
                               'reason', s.send_reason,
                               'next_time', to_char(s.send_next_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                               'bytes_total', s.bytes_total, 'bytes_sent', s.bytes_sent,
                               'commit_seen', s.commit_seen, 'revision_committed', s.revision_committed,
                               'package_removed', s.package_removed))
                        FROM waybill.job_site s
                       WHERE s.job_id = o.key[1] AND s.site_code = o.key[2]
                         AND o.outbox_id = (SELECT n.outbox_id FROM newest n WHERE n.key = o.key))
         WHEN 5 THEN (SELECT jsonb_build_object('server', jsonb_build_object(
                               'job_id', s.job_id, 'site_code', s.site_code, 'server_name', s.server_name,
                               'state', s.state, 'reason', s.reason,
                               'next_time', to_char(s.next_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
                        FROM waybill.job_server s
                       WHERE s.job_id = o.key[1] AND s.site_code = o.key[2] AND s.server_name = o.key[3])
         WHEN 6 THEN (SELECT jsonb_build_object('target', jsonb_build_object('job_id', t.job_id,
                               'target', jsonb_build_object(
                                 'sms_id', t.sms_id, 'site_code', t.site_code, 'state', t.state, 'reason', t.reason,
                                 'attempt_count', t.attempt_count, 'exit_code', t.exit_code, 'output', t.output,
                                 'start_time', to_char(t.start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                                 'run_duration', extract(epoch FROM t.run_duration)::numeric(18, 6) || 's',
                                 'change_time', to_char(t.change_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))
                        FROM waybill.job_target t WHERE t.job_id = o.key[1] AND t.sms_id = o.key[2])
         WHEN 7 THEN jsonb_build_object('location', coalesce(
                       (SELECT jsonb_build_object(
                                 'present', true, 'drive', l.drive, 'directory', l.directory, 'plain_bytes', l.plain_bytes,
                                 'observe_time', to_char(l.observe_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
                          FROM waybill.location l
                         WHERE l.site_code = o.key[1] AND l.server_name = o.key[2] AND l.package_id = o.key[3]
                           AND l.version = decode(o.key[4], 'hex')), '{}')
                       || jsonb_build_object('site_code', o.key[1], 'server_name', o.key[2], 'package_id', o.key[3],
                                             'version', encode(decode(o.key[4], 'hex'), 'base64')))
         WHEN 8 THEN jsonb_build_object('holding', coalesce(
                       (SELECT jsonb_build_object(
                                 'held', true,
                                 'since_time', to_char(h.since_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
                          FROM waybill.site_holding h
                         WHERE h.site_code = o.key[1] AND h.package_id = o.key[2]
                           AND h.version = decode(o.key[3], 'hex')), '{}')
                       || jsonb_build_object('site_code', o.key[1], 'package_id', o.key[2],
                                             'version', encode(decode(o.key[3], 'hex'), 'base64')))
       END)::text AS record
  FROM waybill.outbox o
 WHERE o.sequence > $1
 ORDER BY o.sequence
 LIMIT $2
