-- no parameters
-- The database's clock, not the start of the transaction: a lock may have been waited for.
SELECT clock_timestamp() AS now_time
