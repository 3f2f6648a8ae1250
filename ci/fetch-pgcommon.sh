#!/bin/bash
# fetch-pgcommon.sh DIR: put libpgcommon_shlib.a and libpgport_shlib.a into DIR
#
# libpq.a is not complete without these two. Debian ships them in postgresql-server-dev-N only, whose dependencies (a
# compiler of its own among them) weigh 800 MB; the two files are taken out of the package without installing it. They
# must be of libpq's own version, so they are fetched anew when libpq-dev was upgraded.
set -euo pipefail
dir=$1
mkdir -p "$dir"

version=$(dpkg-query -W -f '${Version}' libpq-dev)
[ "$(cat "$dir/version" 2>/dev/null || true)" != "$version" ] || exit 0
major=${version%%[.~+-]*}
package=postgresql-server-dev-$major

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# as root apt would drop to a user that cannot write to this folder, and say so each time
download() { (cd "$work" && apt-get download -q -o APT::Sandbox::User=root "$1") >"$work/log" 2>&1; }
update() {
    if [ "$(id -u)" -eq 0 ]; then apt-get update -q; else sudo -n apt-get update -q; fi >/dev/null 2>&1
}
if ! download "$package=$version"; then
    update || true
    if ! download "$package=$version"; then
        cat "$work/log" >&2
        echo "fetch-pgcommon: cannot download $package $version, which must match libpq-dev." >&2
        echo "fetch-pgcommon: if the mirror has moved on, upgrade libpq-dev (apt-get install libpq-dev) and build again." >&2
        exit 1
    fi
fi
dpkg -x "$work/$package"_*.deb "$work/tree"
cp "$work/tree/usr/lib/postgresql/$major/lib/"{libpgcommon_shlib.a,libpgport_shlib.a} "$dir/"
touch "$dir"/*.a
echo "$version" >"$dir/version"
echo "  FETCH  $package $version"
