-- no parameters
-- The database's clock, and since when the oldest definition waits to be written (NULL: none does). Writing a file does
-- not change change_time, so a later pass looks back to there.
SELECT clock_timestamp() AS now_time, min(change_time) AS unwritten_time
  FROM waybill.pcm_definition
 WHERE offer_version > written_version
