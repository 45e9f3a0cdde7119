-- $1 site codes. Of those that are known here.
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code
  FROM waybill.site
 WHERE site_code = ANY ($1::text[])
