-- $1 site_code, $2 server_name, $3 drives, $4 their directories, $5 their URLs
-- Before the shares are put: offers of what stands on a share say its URL, so where that changes the definition
-- files are written anew. In the order of the key, so that two of these do not lock each other out.
INSERT INTO waybill.pcm_definition (sms_id, domain)
SELECT DISTINCT d.sms_id, d.domain
  FROM waybill.distribution_share s
  LEFT JOIN unnest($3::text[], $4::text[], $5::text[]) AS i (drive, directory, url) USING (drive)
  JOIN waybill.location l USING (site_code, server_name, drive)
  JOIN waybill.job j ON j.package_id = l.package_id AND j.version = l.version
  JOIN waybill.job_target t ON t.job_id = j.job_id AND t.site_code = $1 AND t.state IN (1, 2, 3, 4)
  JOIN waybill.pcm_definition d ON d.sms_id = t.sms_id
 WHERE s.site_code = $1 AND s.server_name = $2
   AND (s.url, s.directory) IS DISTINCT FROM (i.url, i.directory) AND (s.url <> '' OR i.url <> '')
 ORDER BY d.sms_id
ON CONFLICT (sms_id)
DO UPDATE SET offer_version = waybill.pcm_definition.offer_version + 1, change_time = now()
