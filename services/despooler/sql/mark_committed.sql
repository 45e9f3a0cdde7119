-- $1 job_id, $2 own site_code, $3 revision. The last change of its transaction.
UPDATE waybill.job_site
   SET commit_seen = true, revision_committed = greatest(revision_committed, $3), change_time = now()
 WHERE job_id = $1 AND site_code = $2
