-- no parameters
SELECT nextval('waybill.package_number') AS number
