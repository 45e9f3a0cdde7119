-- $1 site_code of a direct child
-- Empty for this site itself, which is its own neighbour but nobody's child here.
SELECT site_code FROM waybill.site_route WHERE next_site_code = $1 AND depth > 0
