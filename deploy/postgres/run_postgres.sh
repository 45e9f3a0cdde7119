#!/bin/sh
# Runs a site's PostgreSQL in the foreground. The first start makes the database `waybill`, owned by a user `waybill`
# whose password is the content of $WAYBILL_DATABASE_PASSWORD_FILE. Arguments go to postgres.
#
# From outside only that user reaches only that database, with its password; the superuser only through the socket in
# this container: `docker compose exec nyc-postgres psql waybill`.
set -eu

data=/var/lib/postgresql/data
password_file=${WAYBILL_DATABASE_PASSWORD_FILE:?names the file that holds the password}

# Built beside and renamed, so that a first start that was interrupted leaves nothing half made.
make_database() {
  [ -s "$password_file" ] || { echo "run_postgres: $password_file is not there or empty" >&2; exit 1; }
  rm -rf "$data.new"
  initdb --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth=reject
  cat >"$data.new/pg_hba.conf" <<'TEXT'
local all     postgres         peer
host  waybill waybill  samenet scram-sha-256
TEXT
  quoted=$(sed "s/'/''/g" "$password_file")
  postgres --single -D "$data.new" -c exit_on_error=true postgres <<SQL
CREATE ROLE waybill LOGIN PASSWORD '$quoted'
CREATE DATABASE waybill OWNER waybill
SQL
  sync
  mv "$data.new" "$data"
}

[ -d "$data" ] || make_database
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp -c shared_buffers=32MB "$@"
