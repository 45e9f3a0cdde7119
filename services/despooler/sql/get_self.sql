-- no parameters
SELECT site_code, parent_site_code FROM waybill.self
