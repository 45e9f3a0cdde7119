-- $1 the lock's key, $2 how long files may be worked on while it is held
-- A session that the server ended for being idle would lose the lock while packs are unlinked.
SELECT pg_advisory_xact_lock($1), set_config('idle_in_transaction_session_timeout', $2, true)
