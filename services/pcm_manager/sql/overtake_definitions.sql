-- $1 sms_ids, $2 versions found at a logon server
-- A file that is newer than its row is what a restored backup of the database leaves: the row overtakes it, and the
-- Despooler writes the file anew.
UPDATE waybill.pcm_definition d
   SET offer_version = k.found_version + 1, change_time = now()
  FROM unnest($1::text[], $2::bigint[]) AS k (sms_id, found_version)
 WHERE d.sms_id = k.sms_id AND d.offer_version <= k.found_version
