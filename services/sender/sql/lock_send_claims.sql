-- $1 the lock's key
-- One claim at a time, so that two Senders do not both fill the last slot.
SELECT pg_advisory_xact_lock($1)
