#!/bin/bash
# run.sh - the whole pipeline on a throw-away production, one process per stage, as a host would run it.
#
# Each step gets its settings as PLUGIN_* variables and hands its outputs on through the file in DRONE_OUTPUT: Harness's and Drone's
# contract, without Harness. BREAK=1 deploys a changeset that silently damages a few rows.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

# ---- as root: hand everything to a user that PostgreSQL is willing to run as -------------------------------------

if [ -z "${DEMO_WORK:-}" ]; then
  work=$(mktemp -d /tmp/dbstep-demo.XXXXXX)
  chmod 755 "$work"
  cp -r "$here" "$work/demo"
  cp "${DBSTEP_BINARY:-$root/build/dbstep}" "$work/dbstep"
  results=$root/build/demo
  rm -rf "$results" && mkdir -p "$results"
  as=()
  if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    chown -R "$user:" "$work"
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
  fi
  status=0
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEMO_WORK="$work" DEMO_RESULTS="$results" BREAK="${BREAK:-}" \
    DEMO_COLUMNS="$(tput cols 2>/dev/null || echo 160)" \
    "${as[@]}" bash "$work/demo/run.sh" || status=$?
  cp -r "$work/results/." "$results/" 2>/dev/null || true
  rm -rf "$work"
  exit "$status"
fi

# ---- servers ----------------------------------------------------------------------------------------------------

work=$DEMO_WORK
demo=$work/demo
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
production=$work/production
staging=$work/staging
mkdir -p "$production" "$work/results" "$work/socket"
pgbench_pid=

stop_all() {
  [ -z "$pgbench_pid" ] || kill "$pgbench_pid" 2>/dev/null || true
  for data in "$staging" "$production/data"; do
    [ ! -f "$data/postmaster.pid" ] || "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true
  done
}
trap stop_all EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
  done
  echo "no free port found" >&2; exit 1
}

start_server() { # DATA PORT
  "$bin/pg_ctl" -D "$1" -l "$work/results/$(basename "$(dirname "$1")/$(basename "$1")").log" -w -t 60 -o \
    "-p $2 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/socket" start >/dev/null
}

sql() { # PORT DATABASE [psql options]
  local port=$1 database=$2
  shift 2
  "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work/socket" -p "$port" -U postgres -d "$database" "$@"
}

url() { echo "postgresql://postgres@/bbq?host=$work/socket&port=$1"; }

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# ---- steps ------------------------------------------------------------------------------------------------------

steps=()

# step NAME STAGE SETTING=VALUE …; its verdict decides whether the pipeline goes on.
step() {
  local name=$1 stage=$2 setting settings=()
  shift 2
  for setting in "$@"; do
    settings+=("PLUGIN_$(printf %s "${setting%%=*}" | tr '[:lower:]' '[:upper:]')=${setting#*=}")
  done
  steps+=("$name")
  mkdir -p "$work/results/$name"
  say "step $name: dbstep $stage ${*}" | sed "s|$work|…|g"
  env -i PATH=/usr/bin:/bin DRONE=true DRONE_OUTPUT="$work/results/$name/step-output.env" PLUGIN_STAGE="$stage" \
    PLUGIN_OUTPUT_DIR="$work/results/$name" "${settings[@]}" "$work/dbstep" 2>&1 | sed "s|$work|…|g"
  return "${PIPESTATUS[0]}"
}

# output STEP NAME: a step variable of an earlier step, as the host would hand it on
output() { sed -n "s/^$2=//p" "$work/results/$1/step-output.env" | tail -1; }

epoch_ms() { date -d "$1" +%s%3N; }

# ---- the closing table ------------------------------------------------------------------------------------------

table() {
  local name
  say "The pipeline"
  printf '  %-22s %-14s %9s  %s\n' step verdict time 'what was done or proven'
  printf '  %-22s %-14s %9s  %s\n' ---------------------- -------------- --------- -----------------------
  for name in "${steps[@]}"; do
    printf '  %-22s %-14s %6s ms  %s\n' "$name" "$(output "$name" verdict)" "$(output "$name" duration_ms)" \
      "$(output "$name" summary | sed "s|$work|…|g")"
  done
}

finish() { # STATUS
  table
  [ ! -f "$work/traffic.txt" ] || sed 's/^/  /' "$work/traffic.txt"
  printf '\n  Result documents, summaries, certificates and logs: %s\n' "$DEMO_RESULTS"
  exit "$1"
}

stop_here() { # STEP
  say "Step $1 did not pass, so the pipeline ends here"
  local history
  history=$(sql "$production_port" bbq -At -c "SELECT coalesce(to_regclass('databasechangelog')::text, '')")
  local columns
  columns=$(sql "$production_port" bbq -At -c "SELECT count(*) FROM information_schema.columns WHERE table_name = 'warehouses' AND column_name IN ('city', 'state')")
  if [ -z "$history" ] && [ "$columns" = 0 ]; then
    echo "  Production was never touched: it has no history table, and warehouses has neither city nor state."
  else
    echo "  Production was changed before this step."
  fi
}

# ---- production ---------------------------------------------------------------------------------------------------

production_port=$(free_port)
staging_port=$(free_port)
while [ "$staging_port" = "$production_port" ]; do staging_port=$(free_port); done

say "A throw-away production: PostgreSQL $("$bin/postgres" --version | sed 's/.*) //;s/ .*//'), 5,000 warehouses, 1,000,000 inventory rows"
"$bin/initdb" -D "$production/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
printf 'shared_buffers = 256MB\nmax_wal_size = 2GB\n' >>"$production/data/postgresql.conf"
start_server "$production/data" "$production_port"
sql "$production_port" postgres -c 'CREATE DATABASE bbq'
sql "$production_port" bbq -f "$demo/app/schema.sql" -f "$demo/app/seed.sql"

changelog=changelog
[ -z "$BREAK" ] || changelog="changelog-broken"

# ---- staging: production's data, the change, the proof ---------------------------------------------------------

step clone volume-clone source_db_url="$(url "$production_port")" target_dir="$staging" || { stop_here clone; finish 1; }
start_server "$staging" "$staging_port" # the pod of the staging database comes up on the volume
step clone-proof volume-clone verify_only=true source_db_url="$(url "$production_port")" db_url="$(url "$staging_port")" \
  expect_lsn="$(output clone end_lsn)" source_snapshot="$(output clone source_snapshot)" \
  expect_system_identifier="$(output clone system_identifier)" || { stop_here clone-proof; finish 1; }

step baseline integrity-baseline db_url="$(url "$staging_port")" || { stop_here baseline; finish 1; }
step deploy-staging schema-deploy db_url="$(url "$staging_port")" search_path="$demo/$changelog" \
  changelog_file=warehouses-city-state.sql || { stop_here deploy-staging; finish 1; }

if ! step diff-staging integrity-diff db_url="$(url "$staging_port")" baseline="$(output baseline certificate_file)" \
  source_db_url="$(url "$production_port")" search_path="$demo/$changelog" changelog_file=warehouses-city-state.sql; then
  stop_here diff-staging
  if [ -n "$BREAK" ]; then
    echo "  BREAK=1 worked as meant: the damage was found before production."
    finish 0
  fi
  finish 1
fi
if [ -n "$BREAK" ]; then
  say "BREAK=1, and the damage was not found: this must not happen"
  finish 1
fi
step test-staging data-test db_url="$(url "$staging_port")" test_dir="$demo/tests" || { stop_here test-staging; finish 1; }
"$bin/pg_ctl" -D "$staging" -m fast stop >/dev/null

# ---- production, while the application runs ------------------------------------------------------------------------

say "The application reads and writes production: pgbench, 4 clients"
(cd "$work" && exec "$bin/pgbench" -n -c 4 -j 1 -T 12 -P 2 -l --log-prefix="$work/traffic" --failures-detailed -f "$demo/app/read.pgbench@3" \
  -f "$demo/app/write.pgbench@2" -h "$work/socket" -p "$production_port" -U postgres bbq >"$work/pgbench.out" 2>"$work/results/pgbench.log") &
pgbench_pid=$!
sleep 1

live='inventory.quantity,inventory.updated_at,inventory.+'
step baseline-production integrity-baseline db_url="$(url "$production_port")" || finish 1
step deploy-production schema-deploy db_url="$(url "$production_port")" search_path="$demo/$changelog" \
  changelog_file=warehouses-city-state.sql || finish 1
verdict=0
step diff-production integrity-diff db_url="$(url "$production_port")" baseline="$(output baseline-production certificate_file)" \
  search_path="$demo/$changelog" changelog_file=warehouses-city-state.sql live_writes="$live" \
  deployed_transactions="$(output deploy-production transaction_ids)" || verdict=1
step test-production data-test db_url="$(url "$production_port")" test_dir="$demo/tests" || verdict=1

traffic_status=0
wait "$pgbench_pid" || traffic_status=$?
pgbench_pid=
failed=$(sed -n 's/^number of failed transactions: \([0-9]*\).*/\1/p' "$work/pgbench.out")
aborted=$(grep -c 'aborted' "$work/results/pgbench.log" || true)
done_count=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$work/pgbench.out")
cp "$work/pgbench.out" "$work/results/pgbench.txt"
from=$(epoch_ms "$(output deploy-production started_at)")
to=$((from + $(output deploy-production duration_ms)))
slowest() { # FROM TO: of the transactions that overlapped that time, in milliseconds
  cat "$work"/traffic.* | grep -E '^[0-9]' | awk -v from="$1" -v to="$2" \
    '{ end = $5 * 1000 + $6 / 1000; start = end - $3 / 1000; if (end >= from && start <= to && $3 > worst) worst = $3 } END { printf "%.1f", worst / 1000 }'
}
{
  echo
  echo "The application meanwhile: $done_count transactions, failed: ${failed:-?}, clients that gave up: $aborted"
  echo "Its slowest transaction during the deploy: $(slowest "$from" "$to") ms; in the whole run: $(slowest 0 9999999999999) ms"
} >"$work/traffic.txt"
[ "$traffic_status" = 0 ] && [ "${failed:-1}" = 0 ] && [ "$aborted" = 0 ] || verdict=1
finish "$verdict"
