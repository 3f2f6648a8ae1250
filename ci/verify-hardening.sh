#!/bin/bash
# verify-hardening.sh UNSTRIPPED STRIPPED: fail unless the program is what is meant to be shipped
set -euo pipefail
debug=$1
program=$2

die() { echo "hardening: $program: $1" >&2; exit 1; }
# into variables: a reader that stops early would make readelf or nm fail with a broken pipe
header=$(readelf -hW "$program")
segments=$(readelf -lW "$program")
dynamic=$(readelf -dW "$program")
symbols=$(nm "$debug")
has() { grep -qE "$2" <<<"$1"; }

has "$header" 'Type: +DYN' || die "is loaded at a fixed address"
! has "$segments" 'INTERP' || die "wants a program interpreter, which an empty root does not have"
! has "$dynamic" '\(NEEDED\)' || die "needs a shared object"
has "$segments" 'GNU_STACK .* RW ' || die "has an executable stack"
! has "$segments" 'LOAD .* RWE ' || die "has a segment that is writable and executable"
has "$segments" 'GNU_RELRO' || die "leaves its relocations writable"
has "$dynamic" 'FLAGS_1.*NOW.*PIE' || die "resolves symbols lazily, or is not marked position independent"
! has "$(readelf -SW "$program")" ' \.symtab ' || die "is not stripped"
has "$symbols" ' T __stack_chk_fail$' || die "has no stack protector"
has "$symbols" ' [TtWi] __[a-z]+_chk$' || die "has no fortified calls"
localised=build/dep/pg_query/pg_query.o
if [ -e "$localised" ]; then
    ! grep -qv ' pg_query_' <<<"$(nm -g --defined-only "$localised")" || die "libpg_query shows more than pg_query_*: $localised"
fi
! has "$symbols" ' [TDBR] (palloc|pfree|MemoryContextAlloc|raw_parser|base_yyparse|core_yylex)$' || die "libpg_query's inner names are global"
echo "hardening: ok, $(stat -c %s "$program") bytes"
