#!/usr/bin/env bash
# Builds the images of docker-compose.yml. `build_images.sh --help` says how; `./dev images` is the usual way in.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE TOP=${HERE%/deploy/images}
readonly BASE_IMAGE=debian:bookworm-slim

usage() {
  cat <<'TEXT'
usage: build_images.sh [--prebuilt DIR] [--tag TAG]

Builds waybill, waybill-tools, waybill-postgres, waybill-nginx and waybill-prometheus, all from debian:bookworm-slim.

  --prebuilt DIR   take the programs from DIR (made on Debian 12) instead of building them from source in Docker
  --tag TAG        of all images (dev)

COMPOSE in the environment names the program that builds: `docker compose`, version 2, or with --prebuilt also
docker-compose 1.29. By default whichever there is.
TEXT
}

say() { printf '==> %s\n' "$*"; }
fail() { printf 'images: %s\n' "$*" >&2; exit 1; }

prebuilt='' tag=dev compose=()

parse() {
  while (($#)); do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --prebuilt) prebuilt=${2:?--prebuilt needs a directory}; shift 2 ;;
      --tag) tag=${2:?--tag needs a word}; shift 2 ;;
      *) usage >&2; fail "what is '$1'?" ;;
    esac
  done
}

find_compose() {
  if [[ -n ${COMPOSE:-} ]]; then
    read -ra compose <<<"$COMPOSE"
  elif docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
  else
    fail "needs Docker Compose: install docker-compose-plugin (version 2) from Docker, or Debian's docker-compose with --prebuilt"
  fi
  local version
  version=$("${compose[@]}" version --short 2>/dev/null || true)
  [[ -n $prebuilt || $version != 1.* ]] ||
    fail "building from source needs Docker Compose version 2, not $version; or give --prebuilt"
}

# A registry is asked first. Where none answers, the same image is made from Debian's packages.
need_base_image() {
  docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 && return
  docker pull -q "$BASE_IMAGE" >/dev/null 2>&1 && return
  command -v debootstrap >/dev/null ||
    fail "no registry gives $BASE_IMAGE; install debootstrap, with which it is made from Debian's packages"
  say "no registry gives $BASE_IMAGE: making it from Debian's packages, once"
  local sudo=()
  [[ $(id -u) == 0 ]] || sudo=(sudo)
  "${sudo[@]}" "$HERE/make_base.sh"
}

# An image that was made here gets packages by this machine's network and settings.
build_network() {
  [[ $(docker image inspect -f '{{index .Config.Labels "waybill.base"}}' "$BASE_IMAGE" 2>/dev/null) == local ]] &&
    echo host || echo default
}

# The programs without debugging information, in the one folder that the build's context has of build/.
lay_out_programs() {
  local programs=(waybill waybill-scheduler waybill-sender waybill-despooler waybill-pcm-manager waybill-pcm) name
  rm -rf "$TOP/build/images"
  mkdir -p "$TOP/build/images/bin"
  for name in "${programs[@]}"; do
    [[ -x $prebuilt/$name ]] || fail "$prebuilt has no $name: build it first, by ./dev build"
    install -s -m 0755 "$prebuilt/$name" "$TOP/build/images/bin/"
  done
}

main() {
  parse "$@"
  docker info >/dev/null 2>&1 || fail "the Docker engine does not answer: is it running, and may $(id -un) use it?"
  find_compose
  need_base_image
  local variant=''
  if [[ -n $prebuilt ]]; then
    lay_out_programs
    variant=-prebuilt
  fi
  say "building with ${compose[*]}"
  WAYBILL_TAG=$tag WAYBILL_PROGRAMS=$variant WAYBILL_BUILD_NETWORK=$(build_network) \
    "${compose[@]}" -f "$HERE/images.yml" build
  docker images --filter "reference=waybill*:$tag"
}

main "$@"
