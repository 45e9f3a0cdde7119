-- The job database of one site. Numbers in smallint columns are those of the enums in proto/; states of edges are
-- facts with one writer each, summaries are views over them.

-- ---------------------------------------------------------------------------------------------- the site tree

CREATE TABLE waybill.self (
  one_row             boolean  PRIMARY KEY DEFAULT true CHECK (one_row),
  site_code           text     NOT NULL CHECK (site_code ~ '^[A-Z0-9]{3}$'),
  parent_site_code    text     CHECK (parent_site_code ~ '^[A-Z0-9]{3}$' AND parent_site_code <> site_code),
  ancestor_site_codes text[]   NOT NULL DEFAULT '{}',
  epoch               bigint   NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  shipped_sequence    bigint   NOT NULL DEFAULT 0
);
COMMENT ON TABLE waybill.self IS
  'One row: which site this is. Written by the Scheduler at start from its configuration; ancestors come from the parent; epoch and sequence number the status records sent up.';

CREATE TABLE waybill.site (
  site_code        text        PRIMARY KEY CHECK (site_code ~ '^[A-Z0-9]{3}$'),
  parent_site_code text        CHECK (parent_site_code <> site_code),
  name             text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE waybill.site IS 'This site and all sites below it.';
CREATE INDEX site_by_parent ON waybill.site (parent_site_code);
COMMENT ON INDEX waybill.site_by_parent IS 'Serves the view site_route, which walks the tree downward.';

CREATE VIEW waybill.site_route AS
WITH RECURSIVE route (site_code, next_site_code, depth) AS (
  SELECT site_code, site_code, 0 FROM waybill.self
  UNION ALL
  SELECT s.site_code, CASE WHEN r.depth = 0 THEN s.site_code ELSE r.next_site_code END, r.depth + 1
    FROM waybill.site s
    JOIN route r ON s.parent_site_code = r.site_code
   WHERE r.depth < 16
)
SELECT site_code, next_site_code, depth FROM route;
COMMENT ON VIEW waybill.site_route IS
  'For each site of the subtree the neighbour through which it is reached; the site itself is its own neighbour.';

CREATE TABLE waybill.address (
  site_code            text     PRIMARY KEY REFERENCES waybill.site,
  endpoint             text     NOT NULL,
  concurrent_sends_max smallint NOT NULL DEFAULT 3 CHECK (concurrent_sends_max BETWEEN 1 AND 64)
);
COMMENT ON TABLE waybill.address IS 'How this site reaches itself and its direct children.';

CREATE TABLE waybill.distribution_server (
  site_code   text NOT NULL,
  server_name text NOT NULL,
  PRIMARY KEY (site_code, server_name)
);
COMMENT ON TABLE waybill.distribution_server IS 'Distribution servers of this site and of all below it.';

CREATE TABLE waybill.distribution_share (
  site_code   text NOT NULL,
  server_name text NOT NULL,
  drive       text NOT NULL CHECK (drive ~ '^[a-z]$'),
  directory   text NOT NULL,
  url         text NOT NULL DEFAULT '',
  PRIMARY KEY (site_code, server_name, drive),
  FOREIGN KEY (site_code, server_name) REFERENCES waybill.distribution_server
);
COMMENT ON TABLE waybill.distribution_share IS 'The SMS_PKGx shares of each distribution server: drive letter, directory, and URL if a web server shows it.';
COMMENT ON COLUMN waybill.distribution_share.url IS 'The directory as workstations reach it over HTTP, without a slash at the end; empty: only as a directory.';

CREATE TABLE waybill.logon_server (
  server_name text PRIMARY KEY,
  directory   text NOT NULL UNIQUE
);
COMMENT ON TABLE waybill.logon_server IS 'Logon servers of this site.';

CREATE TABLE waybill.workstation (
  sms_id           text        PRIMARY KEY,
  site_code        text        NOT NULL,
  host_name        text        NOT NULL,
  domain           text        NOT NULL,
  operating_system text        NOT NULL DEFAULT '',
  properties       jsonb       NOT NULL DEFAULT '{}',
  register_time    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (site_code, domain, host_name)
);
COMMENT ON TABLE waybill.workstation IS 'Workstations of this site and of all below it; the unique key also serves machine paths.';

CREATE SEQUENCE waybill.workstation_number;
COMMENT ON SEQUENCE waybill.workstation_number IS 'The number in the next SMS ID that this site gives.';

CREATE TABLE waybill.machine_group (
  group_name text     PRIMARY KEY,
  kind       smallint NOT NULL CHECK (kind BETWEEN 1 AND 2)
);
COMMENT ON TABLE waybill.machine_group IS 'Static lists of workstations (kind 1) or servers (kind 2) defined at this site.';

CREATE TABLE waybill.machine_group_member (
  group_name text NOT NULL REFERENCES waybill.machine_group ON DELETE CASCADE,
  member     text NOT NULL,
  PRIMARY KEY (group_name, member)
);
COMMENT ON TABLE waybill.machine_group_member IS 'SMS IDs, or site|server for groups of servers.';

-- ---------------------------------------------------------------------------------------------- packages

CREATE SEQUENCE waybill.package_number;
COMMENT ON SEQUENCE waybill.package_number IS 'The number in the next package id that this site gives.';

CREATE TABLE waybill.package (
  package_id       text        PRIMARY KEY,
  request_id       text        UNIQUE,
  name             text        NOT NULL,
  comment          text        NOT NULL DEFAULT '',
  source_directory text        NOT NULL DEFAULT '',
  create_time      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE waybill.package IS 'Packages created here, and those that came with an instruction (without request and source).';
CREATE UNIQUE INDEX package_by_name ON waybill.package (name) WHERE request_id IS NOT NULL;
COMMENT ON INDEX waybill.package_by_name IS 'Names of packages created at this site are unique; serves look-up by name.';

CREATE TABLE waybill.package_command (
  package_id         text      NOT NULL REFERENCES waybill.package,
  command_name       text      NOT NULL,
  position           smallint  NOT NULL,
  arguments          text[]    NOT NULL CHECK (cardinality(arguments) > 0),
  time_limit         interval  NOT NULL,
  success_exit_codes integer[] NOT NULL DEFAULT '{0}',
  platforms          text[]    NOT NULL DEFAULT '{}',
  PRIMARY KEY (package_id, command_name)
);
COMMENT ON TABLE waybill.package_command IS 'Workstation command lines of packages created here. Jobs carry a copy.';

CREATE TABLE waybill.package_version (
  package_id     text        NOT NULL REFERENCES waybill.package,
  version        bytea       NOT NULL CHECK (length(version) = 32),
  content_digest bytea       NOT NULL CHECK (length(content_digest) = 32),
  entry_count    bigint      NOT NULL,
  file_count     bigint      NOT NULL,
  plain_bytes    bigint      NOT NULL,
  stored_bytes   bigint      NOT NULL,
  manifest_bytes bigint      NOT NULL,
  create_time    timestamptz NOT NULL DEFAULT now(),
  skipped_paths  text[]      NOT NULL DEFAULT '{}',
  set_id_paths   text[]      NOT NULL DEFAULT '{}',
  PRIMARY KEY (package_id, version)
);
COMMENT ON TABLE waybill.package_version IS 'Versions whose manifest and every chunk stand in this site''s store.';
CREATE INDEX package_version_by_time ON waybill.package_version (package_id, create_time DESC);
COMMENT ON INDEX waybill.package_version_by_time IS 'Serves "the newest version of a package".';

CREATE TABLE waybill.pin (
  pin_id     text        PRIMARY KEY,
  package_id text        NOT NULL,
  version    bytea,
  holder     text        NOT NULL,
  end_time   timestamptz NOT NULL,
  job_id     text
);
COMMENT ON TABLE waybill.pin IS
  'What an import or a transfer under way needs from the store. A pin without version (an import does not know it yet) holds every chunk. job_id: whose transfer it is; its cancel takes the pin away. Dead ones end by themselves.';

CREATE TABLE waybill.holding (
  site_code  text        NOT NULL,
  package_id text        NOT NULL,
  version    bytea       NOT NULL,
  since_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (site_code, package_id, version)
);
COMMENT ON TABLE waybill.holding IS 'Versions in the stores of the sites below; this site''s own are package_version.';
CREATE INDEX holding_by_package ON waybill.holding (package_id);
COMMENT ON INDEX waybill.holding_by_package IS 'Serves ListLocations and the planning of remove jobs.';

CREATE TABLE waybill.location (
  site_code    text        NOT NULL,
  server_name  text        NOT NULL,
  package_id   text        NOT NULL,
  version      bytea       NOT NULL CHECK (length(version) = 32),
  drive        text        NOT NULL,
  directory    text        NOT NULL,
  plain_bytes  bigint      NOT NULL,
  observe_time timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (site_code, server_name, package_id, version)
);
COMMENT ON TABLE waybill.location IS 'The ledger: one row for each copy on a distribution server of this site and of all below it.';
CREATE INDEX location_by_package ON waybill.location (package_id);
COMMENT ON INDEX waybill.location_by_package IS 'Serves ListLocations, offers, and the planning of remove jobs.';

-- ---------------------------------------------------------------------------------------------- jobs

CREATE SEQUENCE waybill.job_number;
COMMENT ON SEQUENCE waybill.job_number IS 'The number in the next job id that this site gives.';

CREATE TABLE waybill.job (
  job_id             text        PRIMARY KEY,
  origin_site_code   text        NOT NULL,
  request_id         text        UNIQUE,
  type               smallint    NOT NULL CHECK (type BETWEEN 1 AND 3),
  comment            text        NOT NULL DEFAULT '',
  package_id         text        NOT NULL REFERENCES waybill.package,
  version            bytea       CHECK (length(version) = 32),
  priority           smallint    NOT NULL CHECK (priority BETWEEN 1 AND 3),
  target_kind        smallint    NOT NULL CHECK (target_kind BETWEEN 0 AND 4),
  target_names       text[]      NOT NULL DEFAULT '{}',
  start_after        timestamptz NOT NULL,
  deadline           timestamptz NOT NULL,
  send_phase         smallint    NOT NULL CHECK (send_phase BETWEEN 1 AND 3),
  refresh_existing   boolean     NOT NULL DEFAULT false,
  put_on_specified   boolean     NOT NULL DEFAULT false,
  server_group       text        NOT NULL DEFAULT '',
  server_members     text[]      NOT NULL DEFAULT '{}',
  command_name       text        NOT NULL DEFAULT '',
  arguments          text[]      NOT NULL DEFAULT '{}',
  time_limit         interval    NOT NULL DEFAULT '1 hour',
  success_exit_codes integer[]   NOT NULL DEFAULT '{0}',
  platforms          text[]      NOT NULL DEFAULT '{}',
  offer_after        timestamptz,
  mandatory_after    timestamptz,
  expires_after      timestamptz,
  state              smallint    NOT NULL CHECK (state BETWEEN 1 AND 7),
  reason             text        NOT NULL DEFAULT '',
  revision           bigint      NOT NULL DEFAULT 1 CHECK (revision >= 1),
  cancel_epoch       bigint      NOT NULL DEFAULT 0 CHECK (cancel_epoch >= 0),
  fence              bigint      NOT NULL DEFAULT 0,
  lease_end_time     timestamptz NOT NULL DEFAULT '-infinity',
  create_time        timestamptz NOT NULL DEFAULT now(),
  activate_time      timestamptz,
  finish_time        timestamptz,
  CHECK ((command_name <> '') = (offer_after IS NOT NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.job IS
  'Jobs submitted here and jobs that came with an instruction. A run job has a command and Offer After; expires_after NULL means never. target_kind: 0 none, else the number of the field of Target.kind; target_names holds its words. server_members (site|server): those of the server group at the sites of this subtree, for a job that came from above; one submitted here reads its group. The lease guards activation.';
CREATE INDEX job_by_state ON waybill.job (state, start_after);
COMMENT ON INDEX waybill.job_by_state IS 'Serves the claim of due jobs and the roll-up of running ones.';
CREATE INDEX job_by_package ON waybill.job (package_id);
COMMENT ON INDEX waybill.job_by_package IS 'Serves the withdrawal of offers when a package is removed.';
CREATE INDEX job_by_create_time ON waybill.job (create_time DESC, job_id DESC);
COMMENT ON INDEX waybill.job_by_create_time IS 'Serves ListJobs, newest first.';

CREATE TABLE waybill.job_site (
  job_id             text        NOT NULL REFERENCES waybill.job,
  site_code          text        NOT NULL,
  send_state         smallint    NOT NULL DEFAULT 1 CHECK (send_state BETWEEN 1 AND 7),
  send_reason        text        NOT NULL DEFAULT '',
  send_next_time     timestamptz,
  bytes_total        bigint      NOT NULL DEFAULT 0,
  bytes_sent         bigint      NOT NULL DEFAULT 0,
  commit_seen        boolean     NOT NULL DEFAULT false,
  revision_committed bigint      NOT NULL DEFAULT 0,
  package_removed    boolean     NOT NULL DEFAULT false,
  change_time        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, site_code)
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.job_site IS
  'Job x target site of this subtree. send_* is written by the Sender of the neighbour above the site; commit_seen, revision_committed and package_removed by the site''s own Despooler; both come up as status. commit_seen is written last in its transaction, so whoever sees it has the site''s servers too.';

CREATE TABLE waybill.job_server (
  job_id         text        NOT NULL REFERENCES waybill.job,
  site_code      text        NOT NULL,
  server_name    text        NOT NULL,
  state          smallint    NOT NULL CHECK (state BETWEEN 1 AND 7),
  reason         text        NOT NULL DEFAULT '',
  next_time      timestamptz,
  attempt_count  integer     NOT NULL DEFAULT 0,
  fence          bigint      NOT NULL DEFAULT 0,
  lease_end_time timestamptz NOT NULL DEFAULT '-infinity',
  change_time    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, site_code, server_name)
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.job_server IS
  'Job x site x server; at its own site also the Despooler''s queue (next_time: when it may be claimed).';
CREATE INDEX job_server_by_state ON waybill.job_server (site_code, state);
COMMENT ON INDEX waybill.job_server_by_state IS 'Serves the Despooler''s claim of due servers.';
CREATE INDEX job_server_leased ON waybill.job_server (site_code, lease_end_time) WHERE lease_end_time > '-infinity';
COMMENT ON INDEX waybill.job_server_leased IS
  'Serves the question when the next server is free: rows that somebody works on, among them those that were ended under him.';

CREATE TABLE waybill.job_target (
  job_id        text        NOT NULL REFERENCES waybill.job,
  sms_id        text        NOT NULL,
  site_code     text        NOT NULL,
  state         smallint    NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 12),
  reason        text        NOT NULL DEFAULT '',
  attempt_count integer     NOT NULL DEFAULT 0,
  run_id        text,
  run_token     text,
  exit_code     integer,
  output        text        NOT NULL DEFAULT '',
  start_time    timestamptz,
  run_duration  interval,
  change_time   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, sms_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.job_target IS
  'Job x workstation of this subtree, frozen at activation. At its own site the row is the offer: run_id is the workstation''s, run_token the site''s leave to run.';
CREATE INDEX job_target_by_workstation ON waybill.job_target (sms_id);
COMMENT ON INDEX waybill.job_target_by_workstation IS 'Serves the building of a definition file and StartRun.';
CREATE INDEX job_target_by_site ON waybill.job_target (job_id, site_code, sms_id);
COMMENT ON INDEX waybill.job_target_by_site IS 'Serves the streaming of the targets of some sites and their counting.';

CREATE TABLE waybill.send_request (
  send_request_id bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  job_id          text        NOT NULL REFERENCES waybill.job,
  site_code       text        NOT NULL,
  revision        bigint      NOT NULL,
  with_targets    boolean     NOT NULL,
  package_id      text        NOT NULL,
  version         bytea       CHECK (length(version) = 32),
  priority        smallint    NOT NULL CHECK (priority BETWEEN 1 AND 3),
  state           smallint    NOT NULL DEFAULT 2 CHECK (state BETWEEN 2 AND 7),
  reason          text        NOT NULL DEFAULT '',
  attempt_count   integer     NOT NULL DEFAULT 0,
  fence           bigint      NOT NULL DEFAULT 0,
  lease_end_time  timestamptz NOT NULL DEFAULT '-infinity',
  next_time       timestamptz NOT NULL DEFAULT now(),
  bytes_total     bigint      NOT NULL DEFAULT 0,
  bytes_sent      bigint      NOT NULL DEFAULT 0,
  create_time     timestamptz NOT NULL DEFAULT now(),
  finish_time     timestamptz,
  UNIQUE (job_id, site_code, revision)
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.send_request IS
  'The Sender''s queue: one version (or, without version, only an instruction) to one neighbour. with_targets: the instruction carries sites and workstations; without, it only changes a job that the neighbour has.';
CREATE INDEX send_request_by_state ON waybill.send_request (state, next_time);
COMMENT ON INDEX waybill.send_request_by_state IS 'Serves the Sender''s claim of due requests.';

CREATE TABLE waybill.instruction (
  job_id       text        NOT NULL REFERENCES waybill.job,
  revision     bigint      NOT NULL,
  commit_time  timestamptz NOT NULL DEFAULT now(),
  forward_time timestamptz,
  PRIMARY KEY (job_id, revision)
);
COMMENT ON TABLE waybill.instruction IS
  'What the Despooler committed; forward_time is set once the Scheduler has queued it for the sites below.';
CREATE INDEX instruction_unforwarded ON waybill.instruction (commit_time) WHERE forward_time IS NULL;
COMMENT ON INDEX waybill.instruction_unforwarded IS 'Serves the Scheduler''s forwarding loop.';

CREATE TABLE waybill.transfer_fence (
  sender_site_code text        NOT NULL,
  send_request_id  bigint      NOT NULL,
  fence            bigint      NOT NULL,
  change_time      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sender_site_code, send_request_id)
);
COMMENT ON TABLE waybill.transfer_fence IS 'The highest fence seen for each send request of a sending site; a lower one is refused at Open and Commit. It goes with the commit, or half a year later.';

CREATE INDEX transfer_fence_by_time ON waybill.transfer_fence (change_time);
COMMENT ON INDEX waybill.transfer_fence_by_time IS 'Serves the removal of those that nobody came back to.';

CREATE TABLE waybill.pcm_definition (
  sms_id          text        PRIMARY KEY,
  domain          text        NOT NULL,
  offer_version   bigint      NOT NULL DEFAULT 1,
  written_version bigint      NOT NULL DEFAULT 0,
  change_time     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
COMMENT ON TABLE waybill.pcm_definition IS
  'One row for each workstation of this site that was ever a target. offer_version grows when its offers change; written_version is the one in site.srv/mancfg.box.';
CREATE INDEX pcm_definition_unwritten ON waybill.pcm_definition (sms_id) WHERE offer_version > written_version;
COMMENT ON INDEX waybill.pcm_definition_unwritten IS 'Serves the Despooler''s writing loop.';

-- ---------------------------------------------------------------------------------------------- leases and status

CREATE TABLE waybill.lease (
  lease_name text        PRIMARY KEY,
  holder     text        NOT NULL,
  fence      bigint      NOT NULL DEFAULT 1,
  end_time   timestamptz NOT NULL
);
COMMENT ON TABLE waybill.lease IS 'Work that one process of the site does at a time: the shipper of status, an import of a package.';

CREATE TABLE waybill.outbox (
  outbox_id bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  kind      smallint NOT NULL CHECK (kind BETWEEN 1 AND 8),
  key       text[]   NOT NULL,
  sequence  bigint   UNIQUE
);
COMMENT ON TABLE waybill.outbox IS
  'Rows that changed and that the parent must hear of; the record is read from the row when it is shipped. The one shipper gives sequences, since numbers given on insert commit out of order. Emptied by acknowledgements; always empty at the central site.';

CREATE TABLE waybill.inbox (
  site_code        text        PRIMARY KEY,
  epoch            bigint      NOT NULL,
  sequence         bigint      NOT NULL DEFAULT 0,
  last_report_time timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE waybill.inbox IS 'How far the status records of each direct child are applied.';

-- The arguments of each trigger: the kind of record (1 site, 2 distribution server, 3 workstation, 4 job x site, 5 job x server,
-- 6 job x workstation, 7 location, 8 holding), and the SQL of its key over a row c. Rows of jobs submitted here are
-- nobody else's business.
CREATE FUNCTION waybill.report_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  me waybill.self;
BEGIN
  SELECT * INTO me FROM waybill.self;
  IF me.parent_site_code IS NULL THEN
    RETURN NULL;
  END IF;
  EXECUTE format('INSERT INTO waybill.outbox (kind, key) SELECT %s, %s FROM changed c %s',
                 TG_ARGV[0], TG_ARGV[1],
                 CASE WHEN TG_ARGV[0] IN ('4', '5', '6')
                      THEN 'JOIN waybill.job j USING (job_id) WHERE j.origin_site_code <> ' || quote_literal(me.site_code)
                      ELSE '' END);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION waybill.report_changed() IS
  'Puts each changed row of the statement into the outbox, in its transaction: no writer can forget to report.';

CREATE TRIGGER report_insert AFTER INSERT ON waybill.site REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('1', 'ARRAY[c.site_code]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.site REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('1', 'ARRAY[c.site_code]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.distribution_share REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('2', 'ARRAY[c.site_code, c.server_name]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.distribution_share REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('2', 'ARRAY[c.site_code, c.server_name]');
CREATE TRIGGER report_delete AFTER DELETE ON waybill.distribution_share REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('2', 'ARRAY[c.site_code, c.server_name]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.workstation REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('3', 'ARRAY[c.sms_id]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.workstation REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('3', 'ARRAY[c.sms_id]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.job_site REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('4', 'ARRAY[c.job_id, c.site_code]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.job_site REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('4', 'ARRAY[c.job_id, c.site_code]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.job_server REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('5', 'ARRAY[c.job_id, c.site_code, c.server_name]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.job_server REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('5', 'ARRAY[c.job_id, c.site_code, c.server_name]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.job_target REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('6', 'ARRAY[c.job_id, c.sms_id]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.location REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('7', 'ARRAY[c.site_code, c.server_name, c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_update AFTER UPDATE ON waybill.location REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('7', 'ARRAY[c.site_code, c.server_name, c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_delete AFTER DELETE ON waybill.location REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('7', 'ARRAY[c.site_code, c.server_name, c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.package_version REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('8', 'ARRAY[(SELECT site_code FROM waybill.self), c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_delete AFTER DELETE ON waybill.package_version REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('8', 'ARRAY[(SELECT site_code FROM waybill.self), c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_insert AFTER INSERT ON waybill.holding REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('8', 'ARRAY[c.site_code, c.package_id, encode(c.version, ''hex'')]');
CREATE TRIGGER report_delete AFTER DELETE ON waybill.holding REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION waybill.report_changed('8', 'ARRAY[c.site_code, c.package_id, encode(c.version, ''hex'')]');

-- ---------------------------------------------------------------------------------------------- summaries

CREATE VIEW waybill.site_holding AS
SELECT (SELECT site_code FROM waybill.self) AS site_code, package_id, version, create_time AS since_time
  FROM waybill.package_version
UNION ALL
SELECT site_code, package_id, version, since_time FROM waybill.holding;
COMMENT ON VIEW waybill.site_holding IS 'Which sites of the subtree have which version in their store.';

CREATE VIEW waybill.job_server_progress AS
SELECT job_id, site_code, count(*) AS total,
       count(*) FILTER (WHERE state IN (3, 7)) AS done,
       count(*) FILTER (WHERE state = 5)       AS failed,
       count(*) FILTER (WHERE state = 4)       AS retrying
  FROM waybill.job_server
 GROUP BY job_id, site_code;
COMMENT ON VIEW waybill.job_server_progress IS 'Distribute phase of each job at each site.';

CREATE VIEW waybill.job_target_progress AS
SELECT job_id, site_code, count(*) AS total,
       count(*) FILTER (WHERE state IN (5, 8, 9, 10))  AS done,
       count(*) FILTER (WHERE state IN (6, 7, 11, 12)) AS failed
  FROM waybill.job_target
 GROUP BY job_id, site_code;
COMMENT ON VIEW waybill.job_target_progress IS
  'Run phase of each job at each site. EXPIRED, NOT_APPLICABLE and ALREADY_INSTALLED are no failures; WITHDRAWN is one, unless the job was cancelled.';

CREATE VIEW waybill.job_summary AS
SELECT j.job_id, j.type, j.comment, j.package_id, j.version, j.priority, j.target_kind, j.target_names, j.start_after,
       j.deadline, j.send_phase, j.refresh_existing, j.put_on_specified, j.server_group, j.command_name, j.offer_after,
       j.mandatory_after, j.expires_after, j.state, j.reason, j.revision, j.create_time, j.activate_time, j.finish_time,
       s.send_total, s.send_done, s.send_failed, s.send_retrying, d.distribute_total, d.distribute_done,
       d.distribute_failed, d.distribute_retrying, r.run_total, r.run_done, r.run_failed
  FROM waybill.job j
 CROSS JOIN LATERAL (
       SELECT count(*) AS send_total, count(*) FILTER (WHERE commit_seen AND send_state <> 7) AS send_done,
              count(*) FILTER (WHERE send_state = 7) AS send_failed,
              count(*) FILTER (WHERE send_state = 5) AS send_retrying
         FROM waybill.job_site WHERE job_id = j.job_id) s
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(total), 0) AS distribute_total, coalesce(sum(done), 0) AS distribute_done,
              coalesce(sum(failed), 0) AS distribute_failed, coalesce(sum(retrying), 0) AS distribute_retrying
         FROM waybill.job_server_progress WHERE job_id = j.job_id) d
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(total), 0) AS run_total, coalesce(sum(done), 0) AS run_done,
              coalesce(sum(failed), 0) AS run_failed
         FROM waybill.job_target_progress WHERE job_id = j.job_id) r;
COMMENT ON VIEW waybill.job_summary IS
  'Each job as it is shown, with its three phases counted. Ask for single jobs, or join it to a page of ids: counting is done for each row.';
