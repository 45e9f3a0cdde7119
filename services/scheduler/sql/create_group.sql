-- $1 group_name, $2 kind
INSERT INTO waybill.machine_group (group_name, kind)
VALUES ($1, $2::smallint)
    ON CONFLICT (group_name) DO NOTHING
