-- no parameters
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, epoch, shipped_sequence,
       coalesce((SELECT min(sequence) FROM waybill.outbox), shipped_sequence + 1) AS first_kept_sequence
  FROM waybill.self
