#!/bin/bash
# install.sh DIR: put the real Liquibase into DIR/package, from npm, version and hash pinned; says nothing when it is there
# install.sh --class-path DIR: the jars that are needed of it, for java -cp
#
# The npm package carries Liquibase 4.28.0 (Apache-2.0) with PostgreSQL's driver. Its commercial jar stays out. LIQUIBASE_TGZ=FILE takes the
# package from there instead, for machines without the registry.
set -euo pipefail
version=4.28.1
sha512=UZCRA3wWYd57mt/fWkYZCpgOGrPWX/C6UGMd4uDCKxWA46Y6170Xq/YWDzMffNTKB61aMNkHCxvXrx/Ps5XINg==

if [ "$1" = --class-path ]; then
    printf '%s:' "$2"/package/lib/*.jar
    exit 0
fi

dir=$1
[ "$(cat "$dir/package/version" 2>/dev/null)" != "$version" ] || exit 0
mkdir -p "$dir"
work=$(mktemp -d "$dir/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
if [ -n "${LIQUIBASE_TGZ:-}" ]; then
    cp "$LIQUIBASE_TGZ" "$work/package.tgz"
else
    echo "  FETCH  Liquibase $version"
    # Debian's npm is a package of hundreds, and does not go with a Node.js from elsewhere: only where there is none at all
    command -v npm >/dev/null || [ "${DEPS:-}" = no ] || ci/install-deps.sh npm
    (cd "$work" && npm pack --silent --ignore-scripts "liquibase@$version" >npm.log 2>&1 && mv liquibase-*.tgz package.tgz) || {
        cat "$work/npm.log" >&2
        echo "install: cannot fetch liquibase@$version from the npm registry; LIQUIBASE_TGZ=FILE takes the package from a file" >&2
        exit 1
    }
fi
found=$(openssl dgst -sha512 -binary "$work/package.tgz" | base64 -w0)
if [ "$found" != "$sha512" ]; then
    echo "install: $version has the hash sha512-$found, not sha512-$sha512: not the package that is expected" >&2
    exit 1
fi
libs=package/dist/liquibase/internal/lib
mkdir "$work/package"
tar xzf "$work/package.tgz" -C "$work" --strip-components=5 --wildcards -- "$libs/liquibase-core.jar" "$libs/postgresql.jar" "$libs/snakeyaml.jar" \
    "$libs/picocli.jar" "$libs/opencsv.jar" "$libs/jaxb-*.jar" "$libs/commons-*.jar"
mkdir "$work/package/lib"
mv "$work"/*.jar "$work/package/lib/"
echo "$version" >"$work/package/version"
rm -rf "$dir/package"
mv "$work/package" "$dir/package"
