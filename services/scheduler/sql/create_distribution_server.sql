-- $1 site_code, $2 server_name
INSERT INTO waybill.distribution_server (site_code, server_name)
VALUES ($1, $2)
    ON CONFLICT (site_code, server_name) DO NOTHING
