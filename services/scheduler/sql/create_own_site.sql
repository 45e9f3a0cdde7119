-- $1 site_code, $2 parent_site_code or NULL
INSERT INTO waybill.site (site_code, parent_site_code)
VALUES ($1, $2)
    ON CONFLICT (site_code) DO NOTHING
