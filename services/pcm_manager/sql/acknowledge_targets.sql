-- $1 sms_ids, $2 offer versions of the files they have, $3 own site_code
-- A target became OFFERED in the transaction that recorded its file's version: a workstation whose file is not older
-- than the recorded one has seen every offer.
WITH seen AS (
  SELECT t.job_id, t.sms_id
    FROM unnest($1::text[], $2::bigint[]) AS k (sms_id, offer_version)
    JOIN waybill.pcm_definition d ON d.sms_id = k.sms_id AND d.written_version <= k.offer_version
    JOIN waybill.job_target t ON t.sms_id = k.sms_id AND t.site_code = $3 AND t.state = 2
   ORDER BY t.job_id, t.sms_id
     FOR UPDATE OF t
)
UPDATE waybill.job_target t
   SET state = 3, change_time = now()
  FROM seen s
 WHERE t.job_id = s.job_id AND t.sms_id = s.sms_id AND t.state = 2
