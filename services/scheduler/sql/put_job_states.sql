-- $1 job ids, $2 states, $3 reasons, $4 the states they had when they were counted
UPDATE waybill.job j
   SET state = n.state, reason = n.reason, finish_time = CASE WHEN n.state IN (4, 5, 7) THEN now() END
  FROM unnest($1::text[], $2::smallint[], $3::text[], $4::smallint[]) AS n (job_id, state, reason, old_state)
 WHERE j.job_id = n.job_id AND j.state = n.old_state
