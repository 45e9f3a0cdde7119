-- $1 site_code of a direct child
SELECT site_code FROM waybill.site_route WHERE next_site_code = $1
