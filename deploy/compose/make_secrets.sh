#!/usr/bin/env bash
# Makes what the containers of a hierarchy keep secret, each thing only where it is needed. Which sites, workstations
# and administrators there are is said by the directories that are mounted:
#
#   /authority               the throw-away certificate authority, and all that it made
#   /admins/<name>           ca.pem, certificate and key of the administrator
#   /sites/<code>            ca.pem, certificates and keys of the four services, database.password, database.uri
#   /workstations/<SMS ID>   identity/ with ca.pem, workstation.pem, workstation.key
#
# What is there is kept, unless it ends within ten days. Runs as root, to give each file to its one reader.
set -euo pipefail
umask 077

readonly SERVICE_USER=10001 DATABASE_USER=10002  # As the images have them.
readonly RENEW_SECONDS=$((10 * 24 * 3600))

# Authority and certificates that end soon are removed, so that they are made anew.
remove_old() {
  local file
  if [[ -e /authority/ca.pem ]] && ! openssl x509 -checkend "$RENEW_SECONDS" -noout -in /authority/ca.pem >/dev/null; then
    echo "the authority ends soon: all certificates are made anew"
    find /authority -mindepth 1 -delete
  fi
  while IFS= read -r file; do
    openssl x509 -checkend "$RENEW_SECONDS" -noout -in "$file" >/dev/null || rm -f "$file" "${file%.pem}.key"
  done < <(find /authority -name '*.pem')
}

# give OWNER MODE FILE TARGET: replaces TARGET by a copy, unless it is the same.
give() {
  local owner=$1 mode=$2 from=$3 to=$4
  cmp -s "$from" "$to" || { install -o "$owner" -g "$owner" -m "$mode" "$from" "$to.new" && mv "$to.new" "$to"; }
}

# give_identity OWNER STEM DIRECTORY NAME: certificate and key of one identity, and the authority.
give_identity() {
  give "$1" 0444 /authority/ca.pem "$3/ca.pem"
  give "$1" 0444 "/authority/$2.pem" "$3/$4.pem"
  give "$1" 0400 "/authority/$2.key" "$3/$4.key"
}

# The services get the password in a URI; the database's user gets it alone.
make_database_password() {
  local directory=$1 password
  [[ ! -s $directory/database.password || ! -s $directory/database.uri ]] || return 0
  password=$(openssl rand -hex 24)
  printf '%s' "$password" >/tmp/password
  printf 'postgresql://waybill:%s@postgres/waybill\n' "$password" >/tmp/uri
  give "$SERVICE_USER" 0400 /tmp/uri "$directory/database.uri"
  give "$DATABASE_USER" 0400 /tmp/password "$directory/database.password"
  rm -f /tmp/password /tmp/uri
}

give_site() {
  local directory=$1 service
  for service in scheduler sender despooler pcm-manager; do
    give_identity "$SERVICE_USER" "${directory##*/}/$service" "$directory" "$service"
  done
  make_database_password "$directory"
  chmod 0755 "$directory"
}

give_admin() {
  local directory=$1
  give_identity "$SERVICE_USER" "${directory##*/}" "$directory" "${directory##*/}"
  chmod 0755 "$directory"
}

give_workstation() {
  local volume=$1 sms_id=${1##*/}
  install -d -o "$SERVICE_USER" -g "$SERVICE_USER" -m 0700 "$volume/identity"
  chown "$SERVICE_USER:$SERVICE_USER" "$volume"
  give_identity "$SERVICE_USER" "${sms_id:0:3}/workstations/$sms_id" "$volume/identity" workstation
}

main() {
  shopt -s nullglob
  local directory identities=()
  for directory in /admins/*; do identities+=(--admin "${directory##*/}"); done
  for directory in /sites/*; do identities+=(--site "${directory##*/}"); done
  for directory in /workstations/*; do
    directory=${directory##*/}
    identities+=(--workstation "${directory:0:3}" "$directory")
  done
  remove_old
  make_certs.sh /authority "${identities[@]}"
  for directory in /admins/*; do give_admin "$directory"; done
  for directory in /sites/*; do give_site "$directory"; done
  for directory in /workstations/*; do give_workstation "$directory"; done
}

main
