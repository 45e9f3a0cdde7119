-- $1 reason, $2 job_id, or NULL for every cancelled job. Sites that never heard of the job: no cancel was queued on
-- their way, or the neighbour on their way committed the cancel and never the job itself.
WITH closed AS (
  UPDATE waybill.job_site s
     SET send_state = 7, send_reason = $1, send_next_time = NULL, change_time = now()
    FROM waybill.job j, waybill.site_route r, waybill.self me
   WHERE j.cancel_epoch > 0 AND j.state IN (2, 3, 6) AND ($2::text IS NULL OR j.job_id = $2) AND s.job_id = j.job_id AND r.site_code = s.site_code
     AND s.send_state <> 7 AND NOT s.commit_seen
     AND (r.depth > 0 OR j.origin_site_code = me.site_code)
     AND NOT EXISTS (SELECT 1 FROM waybill.instruction i
                      WHERE i.job_id = j.job_id AND i.revision = j.revision AND i.forward_time IS NULL)
     AND (NOT EXISTS (SELECT 1 FROM waybill.send_request q
                       WHERE q.job_id = j.job_id AND q.site_code = r.next_site_code AND q.revision = j.revision)
          OR (EXISTS (SELECT 1 FROM waybill.send_request q
                       WHERE q.job_id = j.job_id AND q.site_code = r.next_site_code AND q.revision = j.revision
                         AND q.state = 6)
              AND NOT EXISTS (SELECT 1 FROM waybill.send_request q
                               WHERE q.job_id = j.job_id AND q.site_code = r.next_site_code
                                 AND q.revision < j.revision AND q.state = 6)))
  RETURNING s.job_id, s.site_code
)
UPDATE waybill.job_target t
   SET state = 11, reason = $1, change_time = now()
  FROM closed c
 WHERE t.job_id = c.job_id AND t.site_code = c.site_code AND t.state < 5
