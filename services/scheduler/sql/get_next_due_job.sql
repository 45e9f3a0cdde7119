-- no parameters
SELECT (extract(epoch FROM min(greatest(start_after, lease_end_time)) - now()) * 1000000)::bigint AS microseconds
  FROM waybill.job
 WHERE state = 1
