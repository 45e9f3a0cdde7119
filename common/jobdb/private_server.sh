#!/bin/sh
# A private PostgreSQL in a directory of its own, for tests and the demonstration: no service of the machine
# is touched, and nothing listens but a Unix socket (and a TCP port on loopback, if asked for).
#
#   private_server.sh start DIR [--durable] [--port N] [--connections N] [--shared-buffers SIZE] [DATABASE...]
#       makes DIR/data if it is not there, starts the server if it does not run, and creates the databases
#       that it lacks. Without --durable a crash of the machine (not of the server) may lose data.
#   private_server.sh stop DIR       stops it as an administrator would
#   private_server.sh abort DIR      stops it at once, without a checkpoint
#   private_server.sh kill DIR       kill -9: as if it had crashed
#   private_server.sh uri DIR NAME   prints the connection string of a database
set -eu

fail() { echo "private PostgreSQL: $*" >&2; exit 1; }

command=${1:?usage: private_server.sh start|stop|abort|kill|uri DIR}
mkdir -p "${2:?the directory is missing}"
dir=$(cd "$2" && pwd)
shift 2
# shellcheck disable=SC2012 # These names are tame.
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || fail "its programs are in Debian's package postgresql"
# A socket's path has at most 107 bytes, so a long DIR gets a short one beside it in /tmp.
socket_dir=$dir
[ ${#dir} -le 80 ] || socket_dir=/tmp/waybill_pg_$(printf %s "$dir" | cksum | cut -d ' ' -f 1)

# PostgreSQL refuses to run as root. A directory below one that only root may enter needs a capability.
as() {
  if [ "$(id -u)" != 0 ]; then
    "$@"
    return
  fi
  drop="setpriv --reuid=postgres --regid=postgres --clear-groups"
  $drop test -x "$dir" || drop="$drop --inh-caps=+dac_override --ambient-caps=+dac_override"
  $drop "$@"
}

uri() { echo "host=$socket_dir port=$port user=waybill dbname=$1"; }
running() { as "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }

# The postmaster starts each of its processes in a group of its own, so they are found by their parent.
kill_all() {
  postmaster=$(head -n 1 "$dir/data/postmaster.pid")
  kill -STOP "$postmaster"
  children=$(grep -l "^PPid:[[:space:]]*$postmaster\$" /proc/[0-9]*/status 2>/dev/null | cut -d / -f 3)
  # shellcheck disable=SC2086
  kill -9 "$postmaster" $children
  for pid in $postmaster $children; do
    while kill -0 "$pid" 2>/dev/null && ! grep -q "^State:[[:space:]]*Z" "/proc/$pid/status" 2>/dev/null; do
      sleep 0.01
    done
  done
  # In a container nobody may collect the dead; PostgreSQL would take such a process for a running one.
  rm -f "$dir/data/postmaster.pid" "$socket_dir"/.s.PGSQL.*
}

start() {
  durable=off connections=300 shared_buffers=32MB listen='' databases=''
  while [ $# -gt 0 ]; do
    case $1 in
      --durable) durable=on ;;
      --port) port=$2 listen=127.0.0.1; shift ;;
      --connections) connections=$2; shift ;;
      --shared-buffers) shared_buffers=$2; shift ;;
      -*) fail "unknown option $1" ;;
      *) databases="$databases $1" ;;
    esac
    shift
  done
  mkdir -p "$socket_dir"
  [ "$(id -u)" != 0 ] || chown postgres "$dir" "$socket_dir"
  if [ ! -e "$dir/data/PG_VERSION" ]; then
    as "$bin/initdb" -D "$dir/data" -U waybill -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
      fail "$(cat "$dir/initdb.log")"
  fi
  if ! running; then
    echo "$port" >"$dir/port"
    # full_page_writes guards against torn pages after a power cut, which is what --durable is about.
    as "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/data/log" start -o "-c fsync=$durable \
      -c full_page_writes=$durable -c max_connections=$connections -c shared_buffers=$shared_buffers \
      -c listen_addresses='$listen' -p $port -k $socket_dir -c jit=off \
      -c recovery_init_sync_method=syncfs -c max_wal_size=256MB" >/dev/null 2>&1 ||
      fail "$(tail -n 20 "$dir/data/log")"
  fi
  # shellcheck disable=SC2086
  for name in $databases; do
    found=$("$bin/psql" -XAtq "$(uri postgres)" -c "SELECT 1 FROM pg_database WHERE datname = '$name'")
    [ "$found" = 1 ] || "$bin/psql" -Xq "$(uri postgres)" -c "CREATE DATABASE \"$name\""
  done
}

cd /
port=5432
[ ! -e "$dir/port" ] || port=$(cat "$dir/port")
case $command in
  start) start "$@" ;;
  stop) ! running || as "$bin/pg_ctl" -D "$dir/data" -w -m fast stop >/dev/null ;;
  abort) ! running || as "$bin/pg_ctl" -D "$dir/data" -w -m immediate stop >/dev/null ;;
  kill) ! running || kill_all ;;
  uri) uri "${1:?the name of the database is missing}" ;;
  *) fail "unknown command $command" ;;
esac
