-- no parameters. A job that FAILED at its deadline leaves offers open.
SELECT (extract(epoch FROM min(expires_after) - now()) * 1000000)::bigint
  FROM waybill.job
 WHERE expires_after > now() AND state IN (1, 2, 3, 5, 6)
