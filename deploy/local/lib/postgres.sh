# shellcheck shell=sh
# The ledger's database.

postgres_up() {
  if is_external postgres; then say "    postgres: using the given address"; return 0; fi
  if running postgres; then say "    postgres runs already (process $PID)"; return 0; fi
  need_port postgres "$POSTGRES_VARIABLE" "$POSTGRES_PORT"
  choose_owner
  make_data_directory
  create_cluster
  await_orphans
  step "starting postgres ($POSTGRES_BIN_DIR)"
  # No unix socket: its path would be too long below a deep project directory.
  set -- -c listen_addresses=127.0.0.1 -p "$POSTGRES_PORT" -c unix_socket_directories= -c logging_collector=off
  [ "$PROFILE" != test ] || set -- "$@" -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400
  # shellcheck disable=SC2086 # AS_OWNER is a command with its arguments, or empty
  launch postgres $AS_OWNER "$POSTGRES_BIN_DIR/postgres" -D "$DATA" "$@"
  await postgres 'database system is ready to accept connections' "$POSTGRES_VARIABLE" "$POSTGRES_PORT"
}

# choose_owner: Postgres refuses to run as root, so root hands it to an unprivileged user.
choose_owner() {
  AS_OWNER=''
  OWNER=''
  is_root || return 0
  for OWNER in postgres nobody; do
    if id "$OWNER" >/dev/null 2>&1; then break; fi
  done
  uid=$(id -u "$OWNER")
  gid=$(id -g "$OWNER")
  if on_path setpriv >/dev/null; then
    AS_OWNER="setpriv --reuid=$uid --regid=$gid --clear-groups"
  elif on_path su-exec >/dev/null; then
    AS_OWNER="su-exec $uid:$gid"
  else
    die "Postgres does not run as root, and there is no setpriv to give root up: apt-get install -y util-linux"
  fi
}

# make_data_directory: sets DATA. Below a directory its owner cannot enter, such as /root, the data
# lies under /var/lib and the state directory holds a link to it.
make_data_directory() {
  if [ "$PROFILE" = test ]; then delete_data_of postgres; fi
  home=$STATE/postgres
  if [ ! -d "$home" ]; then
    rm -f "$home"
    mkdir "$home"
    [ -z "$OWNER" ] || chown "$uid:$gid" "$home"
    if ! owner_reaches "$home"; then
      rmdir "$home"
      outside=/var/lib/neptune-$(printf %s "$STATE" | cksum | cut -d' ' -f1)
      mkdir -p "$outside/postgres"
      chmod 755 "$outside"
      chown "$uid:$gid" "$outside/postgres"
      ln -s "$outside/postgres" "$home"
      say "    $OWNER cannot enter $STATE, so the data of postgres lies in $outside"
    fi
  fi
  home=$(CDPATH='' cd -- "$home" && pwd -P)
  owner_reaches "$home" || die "the user ${OWNER:-$(id -un)} cannot write to $home; was it made by another user? Delete it with: deploy/local/servers.sh clean"
  DATA=$home/data
}

owner_reaches() {
  # shellcheck disable=SC2086
  (cd / && $AS_OWNER test -w "$1" && $AS_OWNER test -x "$1")
}

# await_orphans: a server that was killed leaves children behind, which hold its memory for a moment;
# until they are gone no other starts on the same data. Its lock outlives it for as long as nobody
# has taken note of its death, or as its process id serves somebody else.
await_orphans() {
  [ -e "$DATA/postmaster.pid" ] && [ -e /proc/self/cwd ] || return 0
  tries=0
  while [ "$tries" -lt 50 ]; do
    orphan=''
    for process in /proc/[0-9]*; do
      [ "$(readlink "$process/cwd" 2>/dev/null)" != "$DATA" ] || orphan=$process
    done
    if [ -z "$orphan" ]; then
      rm -f "$DATA/postmaster.pid"
      return 0
    fi
    tries=$((tries + 1))
    sleep 0.2
  done
}

# create_cluster: once; the database is made before the server first listens.
create_cluster() {
  [ ! -s "$DATA/PG_VERSION" ] || [ ! -e "$DATA/neptune.ready" ] || return 0
  step "creating the database"
  set -- -U neptune -A trust -E UTF8 --locale=C
  [ "$PROFILE" != test ] || set -- "$@" --no-sync
  # shellcheck disable=SC2086
  if ! (
    cd / || exit 1
    $AS_OWNER rm -rf "$DATA" &&
      $AS_OWNER "$POSTGRES_BIN_DIR/initdb" -D "$DATA" "$@" &&
      say 'CREATE DATABASE neptune' | $AS_OWNER "$POSTGRES_BIN_DIR/postgres" --single -D "$DATA" postgres &&
      $AS_OWNER touch "$DATA/neptune.ready"
  ) >"$STATE/log/initdb.log" 2>&1 9>&-; then
    tail -n 15 "$STATE/log/initdb.log" >&2
    die "cannot create the database; the log is $STATE/log/initdb.log"
  fi
}
