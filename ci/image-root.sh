#!/bin/bash
# image-root.sh DIR: lay out in DIR, file by file, what the container image holds
set -euo pipefail
out=$1

install -D -m 755 build/dbstep "$out/dbstep"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/ca-certificates.crt"
install -m 644 LICENSE NOTICE "$out/"
# libpq asks for the name of the user it runs as
echo 'dbstep:x:65532:65532::/tmp:/none' >"$out/etc/passwd"
echo 'dbstep:x:65532:' >"$out/etc/group"
install -d -m 1777 "$out/tmp"

# the licences of what is linked in ask for their texts to go with every copy
licence() { # NAME FILE
    [ -s "$2" ] || { echo "image-root: no licence text of $1 in $2" >&2; exit 1; }
    install -D -m 644 "$2" "$out/licenses/$1"
}
doc=/usr/share/doc
licence postgresql "$doc/libpq-dev/copyright"
licence openssl "$doc/libssl-dev/copyright"
licence zlib "$doc/zlib1g-dev/copyright"
licence glibc "$doc/libc6-dev/copyright"
licence libpg_query "$doc/libpg-query-dev/copyright"
licence expat "$doc/libexpat1-dev/copyright"
licence libyaml "$doc/libyaml-dev/copyright"
licence pcre2 "$doc/libpcre2-dev/copyright"
licence cjson build/dep/cjson/copyright
licence gcc "$(ls -d "$doc"/gcc-[0-9]*-base/copyright | sort -V | tail -1)"
[ ! -e "$doc/libzstd-dev" ] || licence zstd "$doc/libzstd-dev/copyright"
