-- $1 JSON array of status records, $2 site_code of the child
-- What a site is called and whose child it is, is said by its parent; so the child's own row is not taken from it.
-- A site that is known here has the same parent, else its record was passed over.
INSERT INTO waybill.site AS s (site_code, parent_site_code, name)
SELECT DISTINCT ON (r.site_code) r.site_code, r.parent_site_code, coalesce(r.name, '')
  FROM jsonb_array_elements($1::jsonb) e,
       jsonb_to_record(e -> 'site') AS r (site_code text, parent_site_code text, name text)
 WHERE r.site_code <> $2
 ORDER BY r.site_code, (e ->> 'sequence')::bigint DESC
ON CONFLICT (site_code) DO UPDATE SET name = excluded.name WHERE s.name <> excluded.name
