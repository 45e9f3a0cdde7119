-- $1 package_id, $2 name. Packages created at this site keep what they say.
INSERT INTO waybill.package AS known (package_id, name)
VALUES ($1, $2)
ON CONFLICT (package_id) DO UPDATE
   SET name = excluded.name
 WHERE known.request_id IS NULL AND known.name <> excluded.name
