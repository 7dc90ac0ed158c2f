#!/usr/bin/env bash
# A PostgreSQL cluster of the tests' own: tests/support/postgres.sh PORT [SETTING=VALUE ...]
#
# Says `ready URL` once it takes connections on 127.0.0.1:PORT, then obeys lines on stdin, each answered by a line:
#   stop   ends the server at once, as a crash would           `stopped`
#   start  starts it again on the same data                    `ready URL`
#   quit   ends it and removes its folder; so does the end of stdin: whoever started it may die without a word
# It exits 3 if the port is taken.
#
# tests/support/postgres.sh --binaries says where the server's programs are, and starts nothing.
set -euo pipefail

STARTS_WITHIN=60 # seconds, on a busy machine
ENDS_WITHIN=15   # seconds; PostgreSQL itself kills after 5 what an immediate shutdown didn't end
PORT_TAKEN=3

complain() { echo "tests/support/postgres.sh: $1" >&2; }

has_server() { [[ -x "$1/initdb" && -x "$1/postgres" ]]; }

# pg_config and the folders of /usr/lib/postgresql can be there for the client alone.
find_server() {
  local found
  if [[ -n "${TRAILPOST_POSTGRES_BIN:-}" ]]; then
    has_server "$TRAILPOST_POSTGRES_BIN" && echo "$TRAILPOST_POSTGRES_BIN"
    return
  fi
  while read -r found; do
    if has_server "$found"; then
      echo "$found"
      return
    fi
  done < <(
    pg_config --bindir 2> /dev/null || true
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
    dirname "$(type -P initdb)"
  )
  return 1
}

# Becomes the given command, as the user of the server: initdb and postgres refuse to run as root. Only in a subshell.
# setpriv and not runuser: it turns into the command, so that the process started is the process known.
become() {
  if [[ "$(id -u)" == 0 ]]; then
    exec setpriv --reuid="$(id -u postgres)" --regid="$(id -g postgres)" --init-groups -- "$@"
  else
    exec "$@"
  fi
}

port_is_taken() { (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; }

create() {
  (become tee "$folder/password" > /dev/null <<< "$password")
  (become "$binaries/initdb" --pgdata="$folder/data" --username=postgres --pwfile="$folder/password" \
    --auth=password --encoding=UTF8 --locale=C --no-sync < /dev/null > "$folder/initdb.log" 2>&1) || {
    complain "initdb failed:"
    cat "$folder/initdb.log" >&2
    return 1
  }
}

is_running() { [[ -n "$server" ]] && kill -0 "$server" 2> /dev/null; }

# A server that was killed leaves its postmaster.pid: only the entry of this one counts.
takes_connections() {
  [[ "$(sed -n '1p;8s/ *$//p' "$folder/data/postmaster.pid" 2> /dev/null)" == "$server"$'\n'ready ]]
}

# Starts the server and waits until it takes connections.
launch() {
  local options=(
    -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$folder"
    -c max_connections=200
    # What is committed outlives a crash of the server all the same; only the machine must not crash.
    -c fsync=off -c full_page_writes=off
    # In its folder and not in /dev/shm, which is small in a container.
    -c dynamic_shared_memory_type=mmap
  )
  local setting
  for setting in "${settings[@]}"; do options+=(-c "$setting"); done
  become "$binaries/postgres" -D "$folder/data" "${options[@]}" < /dev/null > "$folder/server.log" 2>&1 &
  server=$!
  local deadline=$((SECONDS + STARTS_WITHIN))
  until takes_connections; do
    if ! is_running || ((SECONDS > deadline)); then
      shut_down
      if grep -q "Address already in use" "$folder/server.log"; then return "$PORT_TAKEN"; fi
      complain "the server does not start:"
      tail -n 20 "$folder/server.log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# The port was ours: whoever has it now is a client that was given it for a connection, and lets go of it.
launch_again() {
  local deadline=$((SECONDS + STARTS_WITHIN)) status
  while true; do
    launch && return || status=$?
    if ((status != PORT_TAKEN || SECONDS > deadline)); then return "$status"; fi
    sleep 0.2
  done
}

# SIGQUIT is PostgreSQL's immediate shutdown. A test may have frozen the server.
shut_down() {
  if is_running; then
    kill -QUIT "$server"
    kill -CONT "$server"
    wait "$server" || true
  fi
  server=
}

serve() {
  server=
  trap 'shut_down; rm -rf -- "$folder"' EXIT
  local command url="postgres://postgres:$password@127.0.0.1:$port/postgres"
  create
  launch
  echo "ready $url"
  while read -r command; do
    case "$command" in
      stop)
        shut_down
        echo stopped
        ;;
      start)
        is_running || launch_again
        echo "ready $url"
        ;;
      quit) break ;;
      *)
        complain "“$command” is none of stop, start and quit"
        return 2
        ;;
    esac
  done
}

# Ends what `serve` left, if it was killed: its shell first, then what that had started. The server is told to end;
# initdb is awaited. Both get time, because a killed one leaves shared memory behind.
clean_up() {
  if [[ -z "$folder" || ! -d "$folder" ]]; then return; fi
  if [[ -n "$group" ]]; then
    kill -KILL "$group" 2> /dev/null || true
    wait "$group" 2> /dev/null || true
    local deadline=$((SECONDS + ENDS_WITHIN))
    while kill -CONT -- "-$group" 2> /dev/null && ((SECONDS < deadline)); do
      if [[ -e "$folder/server.log" ]]; then kill -QUIT -- "-$group" 2> /dev/null || true; fi
      sleep 0.05
    done
    kill -KILL -- "-$group" 2> /dev/null || true
  fi
  rm -rf -- "$folder"
}

if [[ $# == 1 && "$1" == --binaries ]]; then
  find_server
  exit
fi
if [[ $# == 0 || ! "$1" =~ ^[1-9][0-9]{0,4}$ ]]; then
  complain "usage: postgres.sh PORT [SETTING=VALUE ...], or postgres.sh --binaries"
  exit 2
fi
port="$1" settings=("${@:2}") folder= group=

if ! binaries="$(find_server)"; then
  complain "PostgreSQL's server is not found; tests/run installs it"
  exit 1
fi
if [[ "$(id -u)" == 0 ]] && ! id -u postgres > /dev/null 2>&1; then
  complain "PostgreSQL refuses to run as root, and the system has no user postgres"
  exit 1
fi
if port_is_taken; then
  complain "port $port is taken"
  exit "$PORT_TAKEN"
fi

# Messages in English: one is looked for.
export LC_ALL=C
# Every user of this machine can connect to the port; not all of them should be its superuser.
password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
# The user postgres may have no way into the folder that this was started in.
cd /

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# In /tmp whatever TMPDIR says: the user postgres has to get there, and the path of a socket must be short.
folder="$(become mktemp -d /tmp/trailpost-postgres.XXXXXX)"

# Two processes, and either one ends everything if the other is killed: this one by waiting, `serve` at the end of
# stdin. `set -m` gives `serve` and the server a process group of their own: Ctrl-C and a kill of the test's group
# don't reach them.
set -m
serve <&0 &
group=$!
set +m
wait "$group" && status=0 || status=$?
if [[ "$status" == "$PORT_TAKEN" ]]; then complain "port $port is taken"; fi
exit "$status"
