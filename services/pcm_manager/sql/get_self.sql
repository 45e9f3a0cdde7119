-- no parameters
-- Which site this job database is of.
SELECT site_code FROM waybill.self
