-- $1 job_id, $2 own site_code, $3 named servers of this site
INSERT INTO waybill.job_server (job_id, site_code, server_name, state, next_time)
WITH job AS (
  SELECT job_id, package_id, refresh_existing, put_on_specified, command_name <> '' AS run
    FROM waybill.job WHERE job_id = $1
), known AS (
  SELECT server_name FROM waybill.distribution_server WHERE site_code = $2
), named AS (
  SELECT k.server_name FROM known k JOIN job ON put_on_specified WHERE k.server_name = ANY ($3::text[])
), grouped AS (
  SELECT k.server_name
    FROM known k
    JOIN waybill.machine_group g ON g.group_name = 'Default Servers' AND g.kind = 2
    JOIN waybill.machine_group_member m ON m.group_name = g.group_name AND m.member = $2 || '|' || k.server_name
), default_servers AS (
  SELECT server_name FROM grouped
   UNION
  SELECT server_name FROM known WHERE NOT EXISTS (SELECT FROM grouped)
), chosen AS (
  SELECT l.server_name
    FROM job JOIN waybill.location l ON l.package_id = job.package_id AND l.site_code = $2 AND job.refresh_existing
    JOIN known k ON k.server_name = l.server_name
   UNION
  SELECT server_name FROM named
   UNION
  SELECT d.server_name
    FROM default_servers d
    JOIN job ON CASE WHEN put_on_specified THEN NOT EXISTS (SELECT FROM named)
                     ELSE run AND NOT refresh_existing END
)
SELECT $1, $2, server_name, 1, now() FROM chosen ORDER BY server_name
ON CONFLICT (job_id, site_code, server_name) DO NOTHING
