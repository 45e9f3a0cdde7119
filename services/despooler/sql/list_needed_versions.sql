-- no parameters
-- What the store must keep. A pin without version is an import that may still need any chunk.
SELECT version, false AS is_pin FROM waybill.package_version
UNION
SELECT version, true FROM waybill.pin WHERE end_time > now()
