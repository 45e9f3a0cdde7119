#!/usr/bin/env bash
# Makes a working hierarchy of the four sites: says how they reach each other, registers their servers and workstations,
# and imports a small real package (GNU hello) at CEN. Everything may run again: what is there is confirmed.
set -euo pipefail

# site:parent
readonly SITES=(CEN: NYC:CEN BOS:CEN LAB:BOS)
# site:distribution server
readonly SERVERS=(CEN:ds1 NYC:ds1 NYC:ds2 BOS:ds1 LAB:ds1)
# SMS ID:domain
readonly WORKSTATIONS=(CEN00001:sales CEN00002:plant NYC00001:sales NYC00002:plant
  BOS00001:sales BOS00002:plant LAB00001:sales LAB00002:plant)
readonly REGISTRATION_SECONDS_MAX=60

# at SITE WORD...: the command line, asking that site.
at() {
  local site=$1
  shift
  waybill --site "$site" --server "${site,,}-scheduler:7001" "$@"
}

join_sites() {
  local entry site parent
  for entry in "${SITES[@]}"; do
    site=${entry%%:*} parent=${entry#*:}
    [[ -z $parent ]] || at "$parent" site put "$site" --address "${site,,}-despooler:7012"
    at "$site" site address "$site" "${site,,}-despooler:7012"
  done
}

register_servers() {
  local entry site server domain
  for entry in "${SERVERS[@]}"; do
    site=${entry%%:*} server=${entry#*:}
    at "$site" server put "${server^^}" --share "c=/srv/$server" --url "c=http://${site,,}-$server:8080"
  done
  for entry in "${SITES[@]}"; do
    for domain in sales plant; do
      at "${entry%%:*}" logon put "LS-${domain^^}" --directory "/srv/logon/$domain"
    done
  done
}

# list_workstations SITE: its workstations as a table with a head line.
list_workstations() {
  local entry sms_id domain
  echo sms_id,host_name,domain,operating_system
  for entry in "${WORKSTATIONS[@]}"; do
    sms_id=${entry%%:*} domain=${entry#*:}
    [[ $sms_id != "$1"* ]] || echo "$sms_id,${sms_id,,},${domain^^},linux"
  done
}

register_workstations() {
  local entry
  for entry in "${SITES[@]}"; do
    list_workstations "${entry%%:*}" | at "${entry%%:*}" workstation import -
  done
}

# Registrations come up by themselves; jobs for all sites can be submitted once CEN has all of them.
await_registrations() {
  local end=$((SECONDS + REGISTRATION_SECONDS_MAX))
  until [[ $(at CEN workstation list | grep -c '^[A-Z]\{3\}[0-9]') == "${#WORKSTATIONS[@]}" ]]; do
    ((SECONDS < end)) || { echo "the registrations of the sites below did not come up to CEN" >&2; exit 1; }
    sleep 0.5
  done
}

make_package() {
  rm -rf /srv/source/hello
  cp -a /opt/hello /srv/source/hello
  at CEN package list | grep -qw hello ||
    at CEN package create hello --source /srv/source/hello --command "greet=bin/hello" --time-limit 1m
  at CEN package import hello
}

join_sites
register_servers
register_workstations
await_registrations
make_package
echo "ready: waybill job submit run --package hello --command greet --path '*|*|*' --watch"
