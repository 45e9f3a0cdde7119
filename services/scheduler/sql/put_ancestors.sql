-- $1 codes of the sites above, the parent first
UPDATE waybill.self SET ancestor_site_codes = $1::text[] WHERE ancestor_site_codes <> $1::text[]
