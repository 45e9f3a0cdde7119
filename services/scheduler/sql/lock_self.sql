-- no parameters
-- Registrations check the rows of others before they write; the lock makes them take turns. Readers and the
-- reporting triggers do not wait for it.
SELECT site_code, coalesce(parent_site_code, '') AS parent_site_code, ancestor_site_codes
  FROM waybill.self
   FOR NO KEY UPDATE
