#!/bin/bash
# generated-clean.sh DBSTEP DIR: fail unless DIR holds exactly what DBSTEP generates
set -euo pipefail
program=$1
dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! "$program" generate "$work" >"$work.log" 2>&1; then
    cat "$work.log" >&2
    rm -f "$work.log"
    echo "generated-clean: '$program generate' failed" >&2
    exit 1
fi
rm -f "$work.log"
[ -d "$dir" ] || { echo "generated-clean: there is no folder $dir: make generate writes it" >&2; exit 1; }
[ -n "$(ls -A "$work")" ] || { echo "generated-clean: '$program generate' wrote nothing" >&2; exit 1; }
if ! diff -ru "$dir" "$work" >&2; then
    echo "generated-clean: $dir is not what the program generates: run make generate and commit the result" >&2
    exit 1
fi
