#!/bin/bash
# test.sh [unit] [integration] [oracle] [-- PYTEST ARGUMENT...]: run the tests that make has built
#
# The last line is "N passed, N failed" over all of them and is kept in build/test/summary (of the oracle: summary-oracle). A test program that dies
# counts as failed, with every test that it did not reach. Skipped tests are neither, and are reported apart.
set -euo pipefail
export LC_ALL=C.UTF-8

kinds=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    kinds="$kinds $1"
    shift
done
[ $# -eq 0 ] || shift

logs=build/test/logs summary=build/test/summary
if [ "$kinds" = " oracle" ]; then
    logs=$logs-oracle summary=$summary-oracle
fi
rm -rf "$logs" "$summary"
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# one unit test program: its output, its diagnostics and how it ended go to files, so that two can run side by side
run_unit() {
    local name rc=0
    name=$(basename "$1")
    # a hang must end; the limit is far above what any unit test may take
    CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 \
        timeout -k 5 120 "$1" >"$2/$name.tap" 2>"$2/$name.err" </dev/null || rc=$?
    echo "$rc" >"$2/$name.rc"
}
export -f run_unit

unit() {
    local sources binaries=() binary name rc ok bad skip plan lost
    sources=$(find tests/unit -maxdepth 1 -name 'test_*.c' 2>/dev/null | sort)
    for name in $sources; do
        binaries+=("build/test/unit/$(basename "$name" .c)")
    done
    if [ ${#binaries[@]} -eq 0 ]; then
        echo "unit: no tests"
        return
    fi
    printf '%s\n' "${binaries[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_unit {} '"$logs"
    for binary in "${binaries[@]}"; do
        name=$(basename "$binary")
        rc=$(cat "$logs/$name.rc")
        # cmocka's TAP marks a skipped test "not ok N # SKIP name"
        read -r ok bad skip plan <<<"$(awk '
            /^1\.\.[0-9]+/ { plan += substr($1, 4) }
            /^(not )?ok [0-9]+.*# SKIP/ { skip++; next }
            /^ok [0-9]+/ { ok++ }
            /^not ok [0-9]+/ { bad++ }
            END { print ok + 0, bad + 0, skip + 0, plan + 0 }' "$logs/$name.tap")"
        lost=$((plan - ok - bad - skip))
        [ "$lost" -ge 0 ] || lost=0
        # it ended badly without naming a test: a crash, a leak, a sanitizer report outside of any test, or no test at all
        if [ $((bad + lost)) -eq 0 ] && { [ "$rc" -ne 0 ] || [ "$plan" -eq 0 ]; }; then
            lost=1
        fi
        passed=$((passed + ok)) failed=$((failed + bad + lost)) skipped=$((skipped + skip))
        if [ $((bad + lost)) -gt 0 ]; then
            echo "FAILED $name: $ok passed, $bad failed, $lost not reached, exit code $rc (124: too slow)"
            grep -vE '^(ok|1\.\.)' "$logs/$name.tap" | sed 's/^/    /' || true
            tail -60 "$logs/$name.err" | sed 's/^/    /'
        else
            echo "ok     $name: $ok passed${skip:+$([ "$skip" -eq 0 ] || echo ", $skip skipped")}"
        fi
    done
}

# pytest of a folder of tests/, in so many processes, among which tests are dealt out so
pytest_in() { # folder, processes, distribution, pytest arguments
    local folder=$1 jobs=$2 dist=$3 xml=$logs/$1.xml rc=0 total errors failures skip
    shift 3
    if ! ls tests/"$folder"/test_*.py >/dev/null 2>&1; then
        echo "$folder: no tests"
        return
    fi
    # the system's interpreter: it is the one that sees Debian's python3-* packages
    /usr/bin/python3 -m pytest tests/"$folder" -q -p no:cacheprovider -n "${TEST_JOBS:-$jobs}" --dist "$dist" \
        --junitxml="$xml" "$@" 2>&1 |
        tee "$logs/$folder.log" || rc=$?
    if ! [ -s "$xml" ]; then
        echo "FAILED $folder: pytest ended with $rc and left no report"
        failed=$((failed + 1))
        return
    fi
    attribute() { sed -n "s/.*<testsuite [^>]*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$xml" | head -1; }
    total=$(attribute tests) errors=$(attribute errors) failures=$(attribute failures) skip=$(attribute skipped)
    # a test that passes and whose clean-up then fails stands in the report as one test and one error
    local bad=$((errors + failures)) good
    good=$((total - bad - skip))
    [ "$good" -ge 0 ] || good=0
    # 5: nothing was selected, which ARGS may well mean
    if [ "$bad" -eq 0 ] && [ "$rc" -ne 0 ] && [ "$rc" -ne 5 ]; then
        bad=1
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

for kind in $kinds; do
    case $kind in
    unit) unit ;;
    # one process more than there are cores, since tests wait for servers a lot; each has servers of its own, files stay whole
    integration) pytest_in integration $(($(nproc) + 1)) loadfile "$@" ;;
    # each process has a JVM, which wants a core
    oracle) pytest_in oracle "$(nproc)" load "$@" ;;
    *) echo "test.sh: no such kind of tests: $kind" >&2; exit 2 ;;
    esac
done

[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed" | tee "$summary"
[ "$failed" -eq 0 ]
