-- $1 site_code, $2 parent_site_code or NULL, $3 name
-- A repeat writes nothing, so that it reports nothing.
INSERT INTO waybill.site AS s (site_code, parent_site_code, name)
VALUES ($1, $2, $3)
    ON CONFLICT (site_code) DO UPDATE SET name = EXCLUDED.name
 WHERE s.name <> EXCLUDED.name
