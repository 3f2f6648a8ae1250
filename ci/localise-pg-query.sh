#!/bin/bash
# localise-pg-query.sh DIR: make DIR/pg_query.o of libpg_query.a, in which nothing but pg_query_* can be seen from outside
#
# The library carries pieces of PostgreSQL and of xxhash under their own names, and libpgcommon and libpgport carry the same
# names: without this the linker takes whichever comes first, or stops with "multiple definition". Sections stay apart
# (--unique), so that the final link can leave out what is not called.
set -euo pipefail
dir=$1
mkdir -p "$dir"

archive=$(${CC:-gcc} -print-file-name=libpg_query.a)
if [ ! -e "$archive" ]; then
    echo "localise-pg-query: there is no libpg_query.a; on Debian it comes with libpg-query-dev" >&2
    exit 1
fi
state="$(readlink -f "$archive") $(stat -c '%s %Y' "$archive") $(cksum <"$0")"
[ ! -e "$dir/pg_query.o" ] || [ "$(cat "$dir/state" 2>/dev/null || true)" != "$state" ] || exit 0

ld -r --unique='.text*' --unique='.rodata*' --unique='.data*' --unique='.bss*' -o "$dir/pg_query.o.new" --whole-archive "$archive"
objcopy --wildcard --keep-global-symbol='pg_query_*' "$dir/pg_query.o.new"
mv "$dir/pg_query.o.new" "$dir/pg_query.o"
echo "$state" >"$dir/state"
