"""The real Liquibase and dbstep, asked the same questions."""
import glob
import json
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = os.path.join(ROOT, "tests", "oracle", "corpus")
BINARY = os.environ.get("DBSTEP_BINARY", os.path.join(ROOT, "build", "dbstep"))
DUMP = os.path.join(ROOT, "build", "test", "oracle", "dump")
CLASS_PATH = ":".join([os.path.join(ROOT, "build", "test", "oracle", "classes")]
                      + sorted(glob.glob(os.path.join(ROOT, "build", "dep", "liquibase", "package", "lib", "*.jar"))))
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", CLASS_PATH]


class Liquibase:
    """Its command line and the batch oracle, in one JVM for all calls."""

    def __init__(self, log):
        self.log = open(log, "w")
        self.process = subprocess.Popen(JAVA + ["Serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def _call(self, *words):
        self.process.stdin.write("\x1f".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the JVM died: " + open(self.log.name).read()[-2000:]
        return json.loads(line)

    def ask(self, folder, files, options=None):
        """What Liquibase makes of changelogs: a list of changesets and errors."""
        r = self._call("ask", str(folder), *ask_options(options or {}), *files)
        assert r["exit"] == 0, r["err"]
        return [json.loads(line) for line in r["out"].splitlines()]

    def run(self, root, url, command, *arguments, changelog=True):
        """One command as a user gives it; the answer has exit, out and err."""
        return self._call("liquibase", *command_line(root, url, command, *arguments, changelog=changelog))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def command_line(root, url, command, *arguments, changelog=True):
    o = root.options
    words = ["--show-banner=false", f"--search-path={root.folder}"]
    if o.get("history_schema"):
        words.append(f"--liquibase-schema-name={o['history_schema']}")
    words += [command, f"--url={url}", "--username=postgres"]
    if o.get("schema"):
        words.append(f"--default-schema-name={o['schema']}")
    if changelog:
        words.append(f"--changelog-file={root.file}")
        filtered = command != "validate"  # which takes none
        words += [f"--contexts={o['contexts']}"] if o.get("contexts") and filtered else []
        words += [f"--label-filter={o['labels']}"] if o.get("labels") and filtered else []
        words += [f"-D{p}" for p in o.get("parameters", [])]
    return words + list(arguments)


def ask_options(options):
    return ([f"--contexts={options['contexts']}"] if options.get("contexts") else []) + \
        ([f"--labels={options['labels']}"] if options.get("labels") else []) + [f"-D{p}" for p in options.get("parameters", [])]


def dump(folder, files, options=None):
    """What dbstep makes of changelogs, in the same words. A file that ends the program is an error of that file."""
    lines = []
    while files:
        p = subprocess.run([DUMP, str(folder)] + ask_options(options or {}) + ["-"], input="\n".join(files) + "\n", capture_output=True, text=True,
                           timeout=300, errors="replace")
        complete = p.stdout.split("\n")[:-1]  # not splitlines(): texts hold U+2028 and its like
        lines += [json.loads(line) for line in complete if not line.startswith("#")]
        done = sum(line.startswith("#") for line in complete)
        if p.returncode == 0:
            break
        crashed = files[done]
        lines = [line for line in lines if line["root"] != crashed]
        lines.append({"root": crashed, "error": f"dump ended with {p.returncode}: {p.stderr[:1500]}", "at_file": ""})
        files = files[done + 1:]
    return lines


class Root:
    """A folder of the corpus (or a generated one): a search path with a changelog that is the root."""

    def __init__(self, folder, file=None):
        self.folder = str(folder)
        self.name = os.path.basename(self.folder)
        self.file = file or next(f for f in ("root.xml", "root.yaml", "root.json", "root.sql") if os.path.exists(os.path.join(self.folder, f)))
        path = os.path.join(self.folder, "options.json")
        self.options = json.load(open(path)) if os.path.exists(path) else {}

    def __repr__(self):
        return self.name


def roots():
    return [Root(f) for f in sorted(glob.glob(os.path.join(CORPUS, "*"))) if os.path.basename(f) not in ("better", "different", "errors")]


# ---- comparing what the two make of a changelog ----

def squeeze(sql):
    """A statement without what no server sees, and without the order of foreign keys in CREATE TABLE, which is that of a hash in Liquibase."""
    sql = re.sub(r"\s+", " ", sql).strip().rstrip(";").strip()
    if sql.startswith("CREATE TABLE") and sql.count(" FOREIGN KEY ") > 1:
        sql = " ".join(sorted(re.split(r", (?=CONSTRAINT |UNIQUE )|\)$", sql)))
    return sql


class Comparison:
    """Collects differences; counts what was compared."""

    def __init__(self):
        self.differences, self.changesets, self.changes, self.statements, self.rollbacks = {}, 0, 0, 0, 0

    def differ(self, where, what, liquibase, dbstep):
        if liquibase != dbstep:
            self.differences[(*where, what)] = (liquibase, dbstep)

    def lists(self, where, what, theirs, ours):
        self.differ(where, what, [squeeze(s) for s in theirs if squeeze(s)], [squeeze(s) for s in ours if squeeze(s)])

    def changeset(self, root, theirs, ours):
        where = (root, theirs["id"])
        self.changesets += 1
        for key in ("file", "id", "author", "v8", "v9", "description", "run_on_change", "run_always", "run_in_transaction", "fail_on_error",
                    "ignore", "accepted"):
            self.differ(where, key, theirs[key], ours[key])
        self.differ(where, "comments", (theirs["comments"] or "").strip()[:200], ours["comments"][:200])
        self.differ(where, "quoting", theirs["quoting"] or "LEGACY", ours["quoting"])
        self.differ(where, "changes", [c["name"] for c in theirs["changes"]], [c["name"] for c in ours["changes"]])
        for n, (a, b) in enumerate(zip(theirs["changes"], ours["changes"])):
            self.changes += 1
            self.differ(where, f"change {n} v8", a["v8"], b["v8"])
            self.differ(where, f"change {n} v9", a["v9"], b["v9"])
            self.differ(where, f"change {n} runs", a["runs"], b["runs"])
            if not (a["runs"] and b["runs"]) or "statements_error" in a:
                continue
            if "statements_error" in b:
                self.differ(where, f"change {n} statements", a["statements"], b["statements_error"])
                continue
            self.statements += len(a["statements"])
            self.lists(where, f"change {n} statements", a["statements"], b["statements"])
        self.rollbacks += 1
        if isinstance(theirs["rollback"], dict) or isinstance(ours["rollback"], dict):
            self.differ(where, "rollback", "impossible" if isinstance(theirs["rollback"], dict) else theirs["rollback"],
                        "impossible" if isinstance(ours["rollback"], dict) else ours["rollback"])
        else:
            self.lists(where, "rollback", theirs["rollback"], ours["rollback"])

    def changelog(self, root, theirs, ours):
        """All changesets of one root, matched by identity, so that one that is missing does not shift the others."""
        def key(c):
            return (c.get("file"), c.get("id"), c.get("author"))

        for c in ours + theirs:
            if "error" in c:
                self.differences[(root, "-", "read")] = ("refused" if c in theirs else "read", c["error"])
                return
        # what is not for PostgreSQL, Liquibase does not even keep when it is XML, YAML or JSON
        kept = {key(c) for c in theirs}
        ours = [c for c in ours if c["for_postgresql"] or key(c) in kept]
        self.differ((root, "-"), "changesets", [key(c) for c in theirs], [key(c) for c in ours])
        mine = {key(c): c for c in ours}
        for c in theirs:
            if key(c) in mine:
                self.changeset(root, c, mine[key(c)])

    def report(self, known=()):
        new = {k: v for k, v in self.differences.items() if not any(matches(k, p) for p in known)}
        return [f"{' / '.join(k)}:\n      Liquibase {str(a)[:1500]!r}\n      dbstep    {str(b)[:1500]!r}" for k, (a, b) in new.items()]

    def counts(self):
        return {"changesets": self.changesets, "changes": self.changes, "statements": self.statements, "rollbacks": self.rollbacks}


def matches(key, pattern):
    """A pattern is as a difference: (root, changeset, what); None stands for anything, a text for its beginning in `what`."""
    return len(key) == len(pattern) and all(p is None or (k.startswith(p) if i == 2 else k == p) for i, (k, p) in enumerate(zip(key, pattern)))
