#!/usr/bin/env bash
# Makes the image debian:bookworm-slim from Debian's packages, for machines that reach those but no registry of
# images. What is built from it is built unchanged. `make_base.sh` needs root, debootstrap and the docker client.
set -euo pipefail

readonly IMAGE=debian:bookworm-slim CODENAME=bookworm
fail() { printf 'make_base: %s\n' "$*" >&2; exit 1; }

# Where this machine gets the release from: apt knows, in whatever form its sources are written.
repository() {
  # shellcheck disable=SC2016 # These names are apt's own.
  apt-get indextargets --format '$(REPO_URI) $(SUITE) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
    awk -v codename="$CODENAME" '$3 == codename && $2 !~ /-(updates|security|backports)$/ { print $1; exit }'
}

# The image gets packages from where this machine gets them, by the same settings.
copy_apt_settings() {
  local root=$1 file
  cp -a /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || : >"$root/etc/apt/sources.list"
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/apt.conf.d/*; do
    [[ ! -f $file ]] || cp -a "$file" "$root/${file%/*}/"
  done
}

# As the published slim image: no documentation, no translations, now and after later installations.
slim() {
  local root=$1
  cat >"$root/etc/dpkg/dpkg.cfg.d/docker" <<'TEXT'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
TEXT
  find "$root/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$root"/usr/share/{man,info,locale,lintian}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
    "$root"/var/log/*.log
}

main() {
  [[ $(id -u) == 0 ]] || fail "needs root: debootstrap makes device nodes and owners"
  local uri root
  uri=$(repository)
  [[ -n $uri ]] || fail "the sources of apt on this machine have no Debian $CODENAME; docker pull $IMAGE elsewhere and load it here"
  root=$(mktemp -d)
  # shellcheck disable=SC2064 # The name is the one of now.
  trap "rm -rf --one-file-system '$root'" EXIT
  debootstrap --variant=minbase "$CODENAME" "$root" "$uri" >"$root.log" 2>&1 ||
    fail "debootstrap failed; the end of its log: $(tail -n 5 "$root.log")"
  rm -f "$root.log"
  copy_apt_settings "$root"
  slim "$root"
  tar -C "$root" -c . | docker import --change 'CMD ["bash"]' --change 'LABEL waybill.base=local' - "$IMAGE" >/dev/null
}

main "$@"
