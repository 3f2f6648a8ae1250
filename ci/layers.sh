#!/bin/bash
# layers.sh: the rules of docs/architecture.md that a text search can hold: who may include whom, who may call what
#
# Run from the top of the tree. Prints FILE:LINE: RULE for every violation and fails if there is one.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/found"
find src include -name '*.[ch]' 2>/dev/null | sort >"$work/files"
[ -s "$work/files" ] || exit 0

# The code without comments and without what string literals say, as FILE:LINE:CODE: a rule about calls must not trip
# over a sentence. Include lines keep their text.
xargs awk '
    FNR == 1 { in_comment = 0 }
    {
        line = $0
        out = ""
        if (!in_comment && line ~ /^[ \t]*#[ \t]*include/) {
            sub(/\/[\/*].*/, "", line) # a path with // or /* in it would be odd enough
            print FILENAME ":" FNR ":" $0
            next
        }
        n = length(line)
        for (i = 1; i <= n; i++) {
            c = substr(line, i, 1)
            d = substr(line, i, 2)
            if (in_comment) {
                if (d == "*/") { in_comment = 0; i++; out = out " " }
            } else if (d == "/*") {
                in_comment = 1; i++
            } else if (d == "//") {
                break
            } else if (c == "\"" || c == "\047") {
                out = out c
                for (i++; i <= n && substr(line, i, 1) != c; i++)
                    if (substr(line, i, 1) == "\\") i++
                out = out c
            } else {
                out = out c
            }
        }
        if (out !~ /^[ \t]*$/) print FILENAME ":" FNR ":" out
    }
' <"$work/files" >"$work/code"

# ---------------------------------------------------------------------------------------------------- includes

awk -F: -v filelist="$work/files" '
    # The layer of a public header is that of its body. These have none that bears their name:
    BEGIN {
        # the domain modules that stand on others
        below["changelog"] = " change "
        below["deploy"] = " change changelog "
        below["flyway"] = " change "
        split("ctx core banned core vec core stage step result step", known, " ")
        for (i = 1; i in known; i += 2) home[known[i]] = known[i + 1]
        while ((getline f <filelist) > 0) {
            n = split(f, p, "/")
            if (p[1] != "src" || n < 3) continue
            folder[p[2]] = 1
            if (f ~ /\.c$/) { m = p[n]; sub(/\.c$/, "", m); body[m] = body[m] " " p[2] " " }
        }
        # what libc and the kernel bring; anything else is a library
        libc = " assert complex ctype dirent dlfcn endian errno fcntl fenv float fnmatch ftw getopt glob grp ifaddrs"
        libc = libc " inttypes iso646 langinfo libgen limits locale math netdb poll pthread pwd regex sched semaphore"
        libc = libc " signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string"
        libc = libc " strings sysexits syslog termios threads time uchar unistd utime wchar wctype wordexp "
    }
    # one layer, or a reason for not knowing, with a question mark before it
    function module_layer(m,    found_in, b, l) {
        if (m in home) return home[m]
        if (m in body) return split(body[m], found_in, " ") == 1 ? found_in[1] : "?several bodies"
        if (m in folder) return m
        # json.h stands before json_read.c and json_write.c, pg_target.h beside pg.h
        for (b in body) if (index(b, m "_") == 1) {
            if (split(body[b], found_in, " ") != 1 || (l != "" && l != found_in[1])) return "?bodies in several layers"
            l = found_in[1]
        }
        if (l != "") return l
        return sub(/_[^_]*$/, "", m) ? module_layer(m) : "?no body"
    }
    function layer_of(file,    p, n, m) {
        n = split(file, p, "/")
        if (p[1] == "include") { m = p[n]; sub(/\.h$/, "", m); return module_layer(m) }
        return n == 2 ? "main" : p[2]
    }
    function domain(l) { return l !~ /^(main|stages|step|io|core|static)$/ }
    function may(from, to) {
        if (from == to || to == "core") return 1
        if (from == "main") return to == "stages" || to == "step"
        if (from == "stages") return to == "step" || to == "io" || domain(to)
        if (from == "step") return to == "io"
        if (domain(from)) return to == "io" || index(below[from], " " to " ")
        return 0
    }
    function found(why) { print $1 ":" $2 ": " why }
    {
        text = $0; sub(/^[^:]*:[^:]*:/, "", text)
        if (text !~ /^[ \t]*#[ \t]*include/) next
        from = layer_of($1)
        if (substr(from, 1, 1) == "?") next # said at the end
        if (match(text, /<[^>]*>/)) {
            h = substr(text, RSTART + 1, RLENGTH - 2)
            if (h ~ /^(sys|net|netinet|arpa|linux|asm|sanitizer)\//) next
            m = h; sub(/\.h$/, "", m)
            if (index(libc, " " m " ")) next
            if ($1 ~ /^src\/io\//) {
                split(h, p, /[\/.]/)
                lib = h ~ /^(libpq|postgres|pg_config|server\/)/ ? "libpq" : h ~ /^pg_query/ ? "libpg_query" : p[1]
                if (($1 in uses) && uses[$1] != lib) found("an io module knows one library: " uses[$1] ", not also <" h ">")
                uses[$1] = lib
                next
            }
            if ($1 ~ /^src\/core\/json[a-z_]*\.c$/ && h ~ /^cjson\//) next
            if ($1 ~ /^src\/core\/hash[a-z_]*\.c$/ && h ~ /^openssl\//) next
            found("<" h "> belongs to a library: only src/io, core/json (cJSON) and core/hash (OpenSSL) include those")
            next
        }
        if (!match(text, /"[^"]*"/)) next
        h = substr(text, RSTART + 1, RLENGTH - 2)
        if (h == "sql.h" || h == "version.h") next
        if (index(h, "..")) { found("\"" h "\": a header in another folder is private to it"); next }
        if (h !~ /^dbstep\//) {
            if (index(h, "/")) found("\"" h "\": neither a public header (dbstep/...) nor one of this folder")
            next
        }
        m = h; sub(/^dbstep\//, "", m); sub(/\.h$/, "", m)
        to = module_layer(m)
        if (substr(to, 1, 1) == "?") next # said at the end
        if (!may(from, to)) found("\"" h "\": " from " must not know " to)
    }
    END {
        close(filelist)
        while ((getline f <filelist) > 0)
            if (f ~ /^include\// && substr(layer_of(f), 1, 1) == "?")
                print f ":1: cannot tell its layer (" substr(layer_of(f), 2) "): name it after its body in src, or list" \
                    " it in ci/layers.sh"
    }
' "$work/code" >>"$work/found"

# ---------------------------------------------------------------------------------------------------- calls

# rule ALLOWED PATTERN WHY: PATTERN (extended) occurs in no file but those whose path matches ALLOWED
rule() {
    grep -E "^[^:]*:[0-9]+:.*($2)" "$work/code" | grep -vE "^($1)[^:]*:" |
        sed -E "s|^([^:]*:[0-9]+):.*|\1: $3|" >>"$work/found" || true
}
call() { rule "$1" "(^|[^A-Za-z0-9_.>])($2)[[:space:]]*\\(" "$3"; }
word() { rule "$1" "(^|[^A-Za-z0-9_])($2)([^A-Za-z0-9_]|\$)" "$3"; }
nowhere='-'

call 'src/step/(inputs|hosts)' 'getenv|secure_getenv|setenv|putenv|unsetenv|clearenv' \
    'only step/inputs and step/hosts read the environment'
word 'src/step/(inputs|hosts)' 'environ' 'only step/inputs and step/hosts read the environment'
# out of memory there is nothing left to report with, and nobody to report to: arena says so and ends
word 'src/core/(log|arena)' 'stderr|STDERR_FILENO' 'only core/log writes to stderr'
call 'src/core/log' 'perror|vwarnx?|warnx?|psignal|syslog' 'only core/log writes to stderr'
rule 'src/core/log' '(^|[^A-Za-z0-9_])(write|dprintf|vdprintf)[[:space:]]*\([[:space:]]*2[[:space:]]*,' \
    'only core/log writes to stderr'
rule 'src/step/out' '(^|[^A-Za-z0-9_])(write|dprintf|vdprintf)[[:space:]]*\([[:space:]]*1[[:space:]]*,' \
    'only step/out writes to stdout'
word 'src/step/out' 'stdout|STDOUT_FILENO' 'only step/out writes to stdout'
call 'src/step/out' 'printf|vprintf|puts|putchar|putchar_unlocked' 'only step/out writes to stdout'
call 'src/(main\.c|core/arena)' 'exit|_exit|_Exit|quick_exit|errx?|verrx?|pthread_exit' 'only main exits'
call 'src/(static/|core/(arena|hash|redact))' 'abort' 'nobody aborts where an error can be reported'
call 'src/io/' 'PQ[a-z][A-Za-z0-9]*|lo_[a-z]+|curl_[a-z_]+|libssh2_[a-z_0-9]+|yaml_[a-z_]+|pcre2_[a-z_0-9]+|XML_[A-Za-z]+|pg_query_(parse|scan|normalize|fingerprint|split|deparse|free|exit)[a-z_]*|git_[a-z]+_[a-z_]+' \
    'only src/io calls that library'
call 'src/core/json' 'cJSON_[A-Za-z]+' 'only core/json calls cJSON'
call 'src/(core/hash|io/)' '(EVP|SHA[0-9]+|MD5|SSL|X509|BIO|HMAC|RAND)_[A-Za-z0-9_]+' 'only core/hash and src/io call OpenSSL'

# functions with no safe use, and the one to take instead
call "$nowhere" 'strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|gets' 'banned: build strings with core/str'
call "$nowhere" 'strtok|strtok_r|strsep' 'banned: it writes into its argument'
call "$nowhere" 'atoi|atol|atoll|atof|scanf|fscanf' 'banned: says nothing about malformed or too large numbers'
call "$nowhere" 'gmtime|localtime|ctime|asctime|readdir_r' 'banned: shared or unbounded buffer; take the _r variant'
call "$nowhere" 'system|popen|mktemp|tmpnam|tempnam|tmpfile' 'banned: a shell, or a guessable file name'
call "$nowhere" 'alloca|setjmp|sigsetjmp|longjmp|siglongjmp' 'banned: the stack is not ours to grow or to unwind'
call "$nowhere" 'rand|srand|random|srandom|drand48' 'banned: predictable; take getrandom'
call "$nowhere" 'signal|bsd_signal' 'banned: take sigaction'
call "$nowhere" 'setlocale' 'banned: numbers and messages would follow the machine'

# the variables and files in which hosts take outputs: texts about them belong to step as well
grep -nE '"[^"]*(GITHUB_(OUTPUT|ENV|STATE|STEP_SUMMARY)|DRONE_OUTPUT|HARNESS_[A-Z_]*OUTPUT[A-Z_]*)' -r src include \
    --include='*.[ch]' | grep -v '^src/step/' | sed -E 's|^([^:]*:[0-9]+):.*|\1: only step/hosts writes step variables|' \
    >>"$work/found" || true

# ---------------------------------------------------------------------------------------------------- texts

grep -nE '(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)' -r src include --include='*.[ch]' --include='*.sql' |
    sed -E 's|^([^:]*:[0-9]+):.*|\1: nothing unfinished is kept in the code|' >>"$work/found" || true

sort -u "$work/found" | sort -s -t: -k1,1 -k2,2n >&2
if [ -s "$work/found" ]; then
    echo "layers: $(sort -u "$work/found" | wc -l) violations" >&2
    exit 1
fi
