#!/bin/bash
# fetch-cjson.sh DIR: put Debian's patched cJSON.c and cJSON.h into DIR/include/cjson
#
# Debian builds no static archive of cJSON; the library is one file, so it is compiled from the source package, with
# Debian's security patches applied. CJSON_DIR=FOLDER takes cJSON.c and cJSON.h from there instead, for builds without
# a network.
set -euo pipefail
dir=$1
target=$dir/include/cjson
mkdir -p "$target"

take() { # folder, version
    install -m 644 "$1/cJSON.c" "$1/cJSON.h" "$target/"
    echo "$2" >"$dir/version"
    echo "  FETCH  cJSON $2"
}
if [ -n "${CJSON_DIR:-}" ]; then
    take "$CJSON_DIR" "from $CJSON_DIR"
    exit 0
fi

# apt gets lists and a cache of its own: the machine's configuration may name no source packages, and is not ours to edit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/src"
. /etc/os-release
{
    # the machine's own mirrors, wherever its configuration keeps them
    apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' |
        awk -F'|' '($1 == "Packages" || $1 == "Sources") && $2 == "Debian" && $5 == "main" { print "deb-src", $3, $4, $5 }'
} 2>/dev/null | sort -u >"$work/sources.list"
if ! [ -s "$work/sources.list" ]; then
    m=http://deb.debian.org/debian
    printf 'deb-src %s main\n' "$m $VERSION_CODENAME" "$m $VERSION_CODENAME-updates" \
        "$m-security $VERSION_CODENAME-security" >"$work/sources.list"
fi
private=(-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none)
# one suite out of reach must not stop the build as long as another has the package
if ! { apt-get "${private[@]}" -q update || true
    cd "$work/src" && apt-get "${private[@]}" -q source cjson; } >"$work/log" 2>&1; then
    tail -20 "$work/log" >&2
    echo "fetch-cjson: cannot fetch Debian's source package cjson. Check that the mirror in /etc/apt serves deb-src," >&2
    echo "fetch-cjson: or give a folder that holds its cJSON.c and cJSON.h: make CJSON_DIR=/path/to/cjson" >&2
    exit 1
fi
cd "$OLDPWD"
take "$(echo "$work"/src/cjson-*/)" "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$work"/src/cjson-*/debian/changelog)"
cp "$work"/src/cjson-*/debian/copyright "$dir/copyright"
