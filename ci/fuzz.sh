#!/bin/bash
# fuzz.sh SECONDS FUZZER...: run every fuzz target for SECONDS, two at a time
#
# tests/fuzz/corpus/NAME holds inputs worth keeping and is read; build/fuzz/corpus/NAME collects what is found.
set -euo pipefail
seconds=$1
shift
[ $# -gt 0 ] || { echo "fuzz: no targets"; exit 0; }

run() {
    local name found log
    name=$(basename "$2")
    name=${name#fuzz_}
    found=build/fuzz/corpus/$name
    log=build/fuzz/$name.log
    mkdir -p "$found" "build/fuzz/crashes/$name" "tests/fuzz/corpus/$name"
    if ASAN_OPTIONS=detect_leaks=1 "$2" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$name/" "$found" "tests/fuzz/corpus/$name" \
        >"$log" 2>&1 </dev/null; then
        echo "fuzz: $name: ok, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
    else
        tail -60 "$log" >&2
        echo "fuzz: $name: FAILED; the input lies in build/fuzz/crashes/$name/, the log is $log" >&2
        return 1
    fi
}
export -f run
printf '%s\n' "$@" | xargs -P 2 -I{} bash -c "run $seconds {}"
