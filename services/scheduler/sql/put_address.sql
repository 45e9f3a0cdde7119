-- $1 site_code, $2 endpoint, $3 concurrent_sends_max
INSERT INTO waybill.address (site_code, endpoint, concurrent_sends_max)
VALUES ($1, $2, $3::smallint)
    ON CONFLICT (site_code) DO UPDATE
   SET endpoint = EXCLUDED.endpoint, concurrent_sends_max = EXCLUDED.concurrent_sends_max
