-- no parameters
-- This database or the parent's was restored. Sequences begin anew under a higher epoch.
UPDATE waybill.self
   SET epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), shipped_sequence = 0
