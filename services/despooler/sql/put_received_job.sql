-- $1 job_id, $2 origin_site_code, $3 type, $4 comment, $5 package_id, $6 version, $7 priority, $8 start_after, $9 deadline, $10 send_phase, $11 refresh_existing, $12 put_on_specified, $13 server_group, $14 server_members, $15 command_name, $16 arguments, $17 time_limit, $18 success_exit_codes, $19 platforms, $20 offer_after, $21 mandatory_after, $22 expires_after, $23 revision, $24 cancel_epoch, $25 create_time
-- A cancel that is here before its job leaves a job that is cancelled (7); one that finds its job at work makes it CANCELLING (6).
INSERT INTO waybill.job AS known
       (job_id, origin_site_code, type, comment, package_id, version, priority, target_kind, start_after, deadline,
        send_phase, refresh_existing, put_on_specified, server_group, server_members, command_name, arguments, time_limit,
        success_exit_codes, platforms, offer_after, mandatory_after, expires_after, revision, cancel_epoch,
        create_time, activate_time, state, finish_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, now(), CASE WHEN $24::bigint > 0 THEN 7 ELSE 2 END, CASE WHEN $24::bigint > 0 THEN now() END)
ON CONFLICT (job_id) DO UPDATE
   SET revision = excluded.revision,
       cancel_epoch = greatest(known.cancel_epoch, excluded.cancel_epoch),
       state = CASE WHEN excluded.cancel_epoch > 0 AND known.state IN (1, 2, 3) THEN 6 ELSE known.state END
 WHERE known.revision < excluded.revision
