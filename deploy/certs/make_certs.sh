#!/usr/bin/env bash
# A throw-away certificate authority for demonstrations and tests. `make_certs.sh --help` says how.
set -euo pipefail
umask 077

usage() {
  cat <<'TEXT'
usage: make_certs.sh DIR [--days N] [IDENTITY...]

Makes a certificate authority in DIR, unless it has one, and a certificate for each identity that has none yet.
Run it again to add more: what exists is kept. A certificate that has ended is made anew by removing its files.

identities
  --admin NAME                      DIR/NAME.pem          spiffe://waybill/admin/NAME
  --site SITE                       all four services of a site, and then for the options that follow:
  --service SITE NAME               DIR/SITE/NAME.pem     spiffe://waybill/site/SITE/service/NAME
  --workstation SITE SMSID          DIR/SITE/workstations/SMSID.pem
                                                          spiffe://waybill/site/SITE/workstation/SMSID
  --from FILE                       more of these, one a line without the dashes: `workstation NYC NYC00001`

options
  --days N                          how long authority and certificates are valid (30)
  --dns NAME, --ip ADDRESS          further names of the hosts, for every certificate made by this call;
                                    localhost and 127.0.0.1 are always there

Each .pem has its .key beside it, readable only by its owner. The authority is DIR/ca.pem; who holds DIR/ca.key
can make identities, so a real site keeps it elsewhere.

example
  make_certs.sh certs --admin admin --site CEN --site NYC --workstation NYC NYC00001
  grpcurl -cacert certs/ca.pem -cert certs/admin.pem -key certs/admin.key localhost:7000 list
TEXT
}

readonly SERVICES=(scheduler sender despooler pcm-manager)
fail() { printf 'make_certs: %s\n' "$*" >&2; exit 1; }

dir='' days=30 hosts='DNS:localhost,IP:127.0.0.1'
paths=() uris=()  # The identities that were asked for, side by side.

add() { paths+=("$1") uris+=("spiffe://waybill/$2"); }

add_admin() { add "$1" "admin/$1"; }
add_service() { add "$1/$2" "site/$1/service/$2"; }
add_workstation() { add "$1/workstations/$2" "site/$1/workstation/$2"; }
add_site() {
  local service
  for service in "${SERVICES[@]}"; do
    add_service "$1" "$service"
  done
}

add_from() {
  local kind words
  while read -r kind words; do
    [[ -n $kind && $kind != '#'* ]] || continue
    [[ $kind != from ]] || fail "$1: a file cannot name another file"
    # shellcheck disable=SC2086 # Words are split on purpose; only plain ones are accepted.
    add_words "$kind" $words
  done <"$1"
}

# add_words KIND WORD...: one identity; sets `used` to how many words it took.
add_words() {
  local kind=$1
  shift
  case $kind in
    admin | site | from) used=1 ;;
    service | workstation) used=2 ;;
    *) fail "unknown option --$kind" ;;
  esac
  (($# >= used)) || fail "--$kind needs $used word(s)"
  local words=("${@:1:used}") taken=$used word
  for word in "${words[@]}"; do
    [[ $kind == from || ($word =~ ^[A-Za-z0-9][A-Za-z0-9_-]*$ && $word != ca) ]] ||
      fail "'$word' is not a name that an identity may have"
  done
  "add_$kind" "${words[@]}"
  used=$taken
}

parse() {
  local used=0
  while (($#)); do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --days) [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days needs a number"; days=$2; shift 2 ;;
      --dns) hosts+=",DNS:${2:?--dns needs a name}"; shift 2 ;;
      --ip) hosts+=",IP:${2:?--ip needs an address}"; shift 2 ;;
      --*) add_words "${1#--}" "${@:2}"; shift $((used + 1)) ;;
      *) [[ -z $dir ]] || fail "'$1' is one directory too many"; dir=$1; shift ;;
    esac
  done
  [[ -n $dir ]] || { usage >&2; exit 2; }
}

make_authority() {
  [[ ! -e $dir/ca.pem ]] || return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$days" -subj '/CN=waybill throw-away CA' \
    -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout "$dir/ca.key" -out "$dir/ca.pem.new" 2>/dev/null
  mv "$dir/ca.pem.new" "$dir/ca.pem"
}

# One openssl process per certificate: `req -x509 -CA` makes key and certificate in one go. The certificate
# gets its name last, so one that exists is whole.
make_one() {
  local path=$dir/$1 uri=$2
  [[ ! -e $path.pem ]] || return 0
  mkdir -p "${path%/*}"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$days" -subj "/CN=${1##*/}" \
    -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -addext "subjectAltName=URI:$uri,$hosts" \
    -addext 'basicConstraints=critical,CA:FALSE' -addext 'keyUsage=critical,digitalSignature' \
    -addext 'extendedKeyUsage=serverAuth,clientAuth' \
    -keyout "$path.key" -out "$path.pem.new" 2>"$path.log" || fail "$(cat "$path.log")"
  rm -f "$path.log"
  mv "$path.pem.new" "$path.pem"
}

main() {
  parse "$@"
  mkdir -p "$dir"
  make_authority
  local i
  for i in "${!paths[@]}"; do
    make_one "${paths[i]}" "${uris[i]}"
  done
}

main "$@"
