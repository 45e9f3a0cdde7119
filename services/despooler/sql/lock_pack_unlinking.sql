-- $1 the key of the lock that the collector takes exclusively
SELECT pg_advisory_xact_lock_shared($1)
