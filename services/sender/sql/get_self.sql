-- no parameters
SELECT site_code FROM waybill.self
