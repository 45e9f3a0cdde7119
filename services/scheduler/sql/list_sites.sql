-- no parameters
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, name
  FROM waybill.site
 ORDER BY site_code
