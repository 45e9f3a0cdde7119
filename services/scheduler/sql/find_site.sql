-- $1 site_code
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, name
  FROM waybill.site
 WHERE site_code = $1
