# sql2c.awk - compile src/LAYER/sql/NAME.sql into C: the constants sql_LAYER_NAME, or, with -v header=1, their declarations
#
# The block of `--` lines at the head of a file speaks to its readers and is left out; the rest is kept to the byte. A
# file is read as one record, since reading by lines would not tell whether the last one is terminated.

BEGIN {
    print "// made by ci/sql2c.awk from src/LAYER/sql/NAME.sql: edit those"
    RS = "\001"
    if (!header)
        print "#include \"sql.h\""
    for (i = 1; i < ARGC; i++)
        emit(ARGV[i])
    exit bad
}

function emit(path,    part, n, name, text, nl) {
    n = split(path, part, "/")
    name = part[n]
    sub(/\.sql$/, "", name)
    name = "sql_" part[n - 2] "_" name
    if (name !~ /^[a-z0-9_]+$/) {
        print path ": the name must be lower case letters, digits and underscores" >"/dev/stderr"
        bad = 1
        return
    }
    if (header) {
        print "extern const char " name "[];"
        return
    }
    if ((getline text <path) <= 0)
        text = ""
    close(path)
    while (substr(text, 1, 2) == "--") {
        nl = index(text, "\n")
        text = nl ? substr(text, nl + 1) : ""
    }
    if (text !~ /[^ \t\r\n]/) {
        print path ": no statement" >"/dev/stderr"
        bad = 1
    }
    print "const char " name "[] ="
    do {
        nl = index(text, "\n")
        print "    \"" quoted(nl ? substr(text, 1, nl - 1) : text) (nl ? "\\n" : "") "\""
        text = nl ? substr(text, nl + 1) : ""
    } while (text != "")
    print "    ;"
}

function quoted(line) {
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\\&", line)
    gsub(/\?/, "\\\\&", line) # else two of them could begin a trigraph
    gsub(/\t/, "\\t", line)
    gsub(/\r/, "\\r", line)
    return line
}
