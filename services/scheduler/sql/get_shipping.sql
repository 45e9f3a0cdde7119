-- no parameters
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, epoch, shipped_sequence FROM waybill.self
