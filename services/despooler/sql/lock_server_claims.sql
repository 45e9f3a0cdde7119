-- $1 the lock's key
-- One claim at a time, so that two never take the same server and package for two jobs.
SELECT pg_advisory_xact_lock($1)
