-- no parameters. Workstations of sites that nothing will reach any more: at the site that owns the job, and of cancelled
-- jobs everywhere. A job that FAILED at its deadline has open sites that may fail later; of those that FAILED earlier
-- every edge had ended.
UPDATE waybill.job_target t
   SET state = CASE WHEN j.cancel_epoch > 0 THEN 11 ELSE 6 END, reason = s.send_reason, change_time = now()
  FROM waybill.job j, waybill.job_site s, waybill.self me
 WHERE (j.state IN (2, 3, 6) OR (j.state = 5 AND j.finish_time >= j.deadline))
   AND (j.origin_site_code = me.site_code OR j.cancel_epoch > 0) AND s.job_id = j.job_id
   AND s.send_state = 7 AND NOT s.commit_seen AND t.job_id = s.job_id AND t.site_code = s.site_code AND t.state < 5
