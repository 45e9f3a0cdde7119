-- $1 sms_ids, $2 versions that were written, $3 versions found in files (0: none is newer)
-- A file that is newer than its row is what a restored backup of the database leaves: the row overtakes it, and the
-- file is written again.
UPDATE waybill.pcm_definition d
   SET written_version = greatest(d.written_version, k.written_version),
       offer_version = CASE WHEN k.found_version >= d.offer_version THEN k.found_version + 1 ELSE d.offer_version END
  FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (sms_id, written_version, found_version)
 WHERE d.sms_id = k.sms_id
