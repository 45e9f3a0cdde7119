-- no parameters
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, ancestor_site_codes
  FROM waybill.self
