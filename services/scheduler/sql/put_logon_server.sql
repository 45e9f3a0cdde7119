-- $1 server_name, $2 directory
INSERT INTO waybill.logon_server (server_name, directory)
VALUES ($1, $2)
    ON CONFLICT (server_name) DO UPDATE SET directory = EXCLUDED.directory
