-- $1 site_code, $2 SMS IDs with '' where the site is to give one, $3 domains, $4 host names
-- For each of the batch in its order: the row that has its name, and the site of the row that has its SMS ID.
SELECT coalesce(by_name.sms_id, '') AS sms_id_of_name, coalesce(by_id.site_code, '') AS site_of_id
  FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS i (sms_id, domain, host_name, place)
  LEFT JOIN waybill.workstation by_name
         ON by_name.site_code = $1 AND by_name.domain = i.domain AND by_name.host_name = i.host_name
  LEFT JOIN waybill.workstation by_id ON by_id.sms_id = i.sms_id
 ORDER BY i.place
