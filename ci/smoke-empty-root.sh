#!/bin/bash
# smoke-empty-root.sh DBSTEP: run the very file that ships in a root that holds nothing else, as user 65532
#
# The root has what the image has: the program, a CA bundle, one line of passwd, /tmp; and a hosts file, as every
# container runtime writes one. With PostgreSQL installed a server is started, and reached from there over verified TLS.
set -euo pipefail
program=$1

root=$(mktemp -d) server=$(mktemp -d) started=
as_server() { "$@"; }
finish() {
    [ -z "$started" ] || as_server "$bin/pg_ctl" -D "$server/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$root" "$server"
}
trap finish EXIT

mkdir -p "$root"/etc/ssl/certs "$root/tmp"
chmod 755 "$root"
chmod 1777 "$root/tmp"
install -m 755 "$program" "$root/dbstep"
echo 'dbstep:x:65532:65532::/tmp:/none' >"$root/etc/passwd"
echo '127.0.0.1 localhost db.smoke.test' >"$root/etc/hosts"
: >"$root/etc/ssl/certs/ca-certificates.crt"

if [ "$(id -u)" -eq 0 ]; then
    enter=("$(command -v chroot)" --userspec=65532:65532 "$root")
elif unshare --map-user=65532 --map-group=65532 --root="$root" /dbstep version >/dev/null 2>&1; then
    enter=("$(command -v unshare)" --map-user=65532 --map-group=65532 --root="$root")
else
    echo "smoke: SKIPPED: neither root nor user namespaces here, so there is no empty root to run in" >&2
    exit 0
fi

# expect CODES WHAT [NAME=VALUE...] -- ARGUMENT...: run in the root with just this environment
expect() {
    local codes=$1 what=$2 environment=() rc=0
    shift 2
    while [ "$1" != -- ]; do
        environment+=("$1")
        shift
    done
    shift
    timeout 60 env -i SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt DBSTEP_OUTPUT_DIR=/tmp/out "${environment[@]}" \
        "${enter[@]}" /dbstep "$@" >"$server/out" 2>&1 </dev/null || rc=$?
    case " $codes " in
    *" $rc "*) echo "smoke: ok: $what (exit $rc)" ;;
    *)
        cat "$server/out" >&2
        echo "smoke: $what: exit $rc, expected $codes" >&2
        exit 1
        ;;
    esac
}

expect 0 "version" -- version
expect 0 "help" -- help
expect 0 "stages" -- stages
expect 2 "an unknown stage" -- no-such-stage

# ---------------------------------------------------------------------------------------------------- with a server

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
if [ -z "$bin" ] || ! [ -x "$bin/initdb" ] || ! command -v openssl >/dev/null; then
    echo "smoke: SKIPPED: no PostgreSQL server (or no openssl) here, so no connection was tried" >&2
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    # the server refuses to run as root
    owner=$(id -un postgres 2>/dev/null || echo nobody)
    as_server() { (cd "$server" && runuser -u "$owner" -- "$@"); }
    chown "$owner" "$server"
fi

key() { openssl req "$@" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes 2>/dev/null; }
key -x509 -keyout "$server/ca.key" -out "$server/ca.pem" -subj '/CN=smoke test authority' -days 2
key -keyout "$server/server.key" -out "$server/server.csr" -subj /CN=db.smoke.test
echo subjectAltName=DNS:db.smoke.test >"$server/names"
openssl x509 -req -in "$server/server.csr" -CA "$server/ca.pem" -CAkey "$server/ca.key" -CAcreateserial -days 2 \
    -extfile "$server/names" -out "$server/server.pem" 2>/dev/null
cp "$server/ca.pem" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
[ "$(id -u)" -ne 0 ] || chown "$owner" "$server/server.key" "$server/server.pem"

as_server "$bin/initdb" -D "$server/data" -U postgres -A trust >"$server/initdb.log" 2>&1 || {
    cat "$server/initdb.log" >&2
    exit 1
}
cat >"$server/hba" <<CONF
local   all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
CONF
cat >"$server/conf" <<CONF
data_directory = '$server/data'
hba_file = '$server/hba'
unix_socket_directories = '$server'
listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '$server/server.pem'
ssl_key_file = '$server/server.key'
fsync = off
CONF
chmod 644 "$server/hba" "$server/conf"
# somebody may take a port between looking and listening: try another
for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    if as_server "$bin/pg_ctl" -D "$server/data" -l "$server/log" -w -t 30 start \
        -o "-c config_file=$server/conf -c port=$port" >/dev/null 2>&1; then
        started=yes
        break
    fi
done
if [ -z "$started" ]; then
    cat "$server/log" >&2
    echo "smoke: cannot start a PostgreSQL server" >&2
    exit 1
fi
as_server "$bin/psql" -q -h "$server" -p "$port" -U postgres -d postgres \
    -c "create role app login password 'sekret'" -c "create database app owner app"

printf -- '--liquibase formatted sql\n\n--changeset smoke:1\ncreate table smoke (id int);\n' >"$root/changelog.sql"
chmod 644 "$root/changelog.sql"
url() { # USER:PASSWORD HOST
    echo "DBSTEP_DB_URL=postgresql://$1@$2:$port/app?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt"
}
changelog="DBSTEP_CHANGELOG_FILE=changelog.sql DBSTEP_SEARCH_PATH=/"
expect 0 "schema-status over verified TLS" "$(url app:sekret db.smoke.test)" $changelog -- schema-status
expect 10 "a wrong password" "$(url app:wrong db.smoke.test)" $changelog -- schema-status
expect "10 12" "a certificate for another name" "$(url app:sekret 127.0.0.1)" $changelog -- schema-status
as_server "$bin/pg_ctl" -D "$server/data" -m fast -w stop >/dev/null
started=
expect 12 "no server" "$(url app:sekret db.smoke.test)" $changelog DBSTEP_TIMEOUT=10s -- schema-status
echo "smoke: ok"
