-- $1 package_id, $2 LOCATION_KIND_STORE, $3 LOCATION_KIND_SERVER, $4 site_code, $5 kind, $6 server_name and $7 version of
-- the row before the first one, $8 at most so many, $9 at most so many bytes
WITH place_of AS (
  SELECT site_code, $2::integer AS kind, package_id, version, '' AS server_name, '' AS drive, '' AS directory,
         0::bigint AS plain_bytes, since_time AS observe_time
    FROM waybill.site_holding
   WHERE package_id = $1
   UNION ALL
  SELECT site_code, $3::integer AS kind, package_id, version, server_name, drive, directory, plain_bytes, observe_time
    FROM waybill.location
   WHERE package_id = $1
), page AS (
  SELECT site_code, kind, package_id, version, server_name, drive, directory, plain_bytes, observe_time
    FROM place_of
   WHERE (site_code, kind, server_name, version) > ($4::text, $5::integer, $6::text, $7::bytea)
   ORDER BY site_code, kind, server_name, version
   LIMIT $8::bigint + 1
), measured AS (
  SELECT site_code, kind, package_id, version, server_name, drive, directory, plain_bytes, observe_time,
         row_number() OVER by_place AS place, count(*) OVER () AS found,
         coalesce(sum(300 + octet_length(directory)) OVER before, 0) AS bytes_before
    FROM page
  WINDOW by_place AS (ORDER BY site_code, kind, server_name, version),
         before AS (ORDER BY site_code, kind, server_name, version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT site_code, kind, package_id, version, server_name, drive, directory, plain_bytes, observe_time,
       place < found AS has_next
  FROM measured
 WHERE place <= $8::bigint AND bytes_before < $9::bigint
 ORDER BY site_code, kind, server_name, version
