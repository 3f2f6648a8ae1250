"""The command line and the step contract, as a user and as each host sees them. No database is needed: most runs fail on purpose."""
import base64
import glob
import json
import os
import re
import resource
import signal
import socket
import subprocess
import xml.etree.ElementTree as xml

import pytest
import yaml

from conftest import BINARY, ROOT

SCHEMAS = os.environ.get("DBSTEP_SCHEMAS", os.path.join(ROOT, "..", "shared", "schemas"))
SECRET = 'p@ss"#$ w0rd|<x>'

HOSTILE = [
    "plain", "it's 5 # done $HOME ${X} `id` \\ \"q\"", "two\nlines", "a\nEOF\nname=value\nghadelimiter", "cr\rlf\r\nend", "'quoted'", '"quoted"',
    "]]> <b>&amp;</b> | * _ [x](http://y)", "café ✓ 🐘", "::error::forged", "x ##[error]forged", "\x01\x1b[31m", "export A=1",
    "100%25 %0A", '{"json": true}', "=leading<<equals", "x" * 900, "é" * 600,
]


def run(*args, cwd, env=None, stdin=None, preexec=None, timeout=60):
    return subprocess.run([BINARY, *args], cwd=cwd, env={"PATH": "/usr/bin:/bin", **(env or {})}, capture_output=True, timeout=timeout,
                          input=stdin, preexec_fn=preexec)


def failing(folder, text, host=None, env=None, **kw):
    """A run whose summary holds `text`: a folder of tests that does not exist. Its result document and its process."""
    env = {"DBSTEP_TEST_DIR": "/nonexistent/" + text, "DBSTEP_DB_URL": "postgresql://u@/d?host=/nonexistent", **({"DBSTEP_HOST": host} if host else {}),
           **(env or {})}
    p = run("data-test", cwd=folder, env=env, **kw)
    return json.load(open(folder / "dbstep-out" / "result.json")), p


# ---- the hosts' readers, after their own rules ----

def github_outputs(data):
    """The runner's file command parser: LF ends a line, `=` or `<<` decides by which comes first, anything else is an error."""
    values, i = {}, 0
    while i < len(data):
        end = data.index("\n", i)
        line = data[i:end]
        i = end + 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        assert equals >= 0 or heredoc >= 0, f"malformed line {line!r}"
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            values[line[:equals]] = line[equals + 1:]
            continue
        name, delimiter = line[:heredoc], line[heredoc + 2:]
        assert name and delimiter
        start = i
        while True:
            end = data.index("\n", i)
            if data[i:end] == delimiter:
                break
            i = end + 1
        values[name] = data[start:i - 1] if i > start else ""
        i = end + 1
    return values


def dotenv(data, version):
    """What both of Harness's parsers are known to do to an unquoted value; fatal where they are fatal."""
    values = {}
    for line in data.split("\n"):
        if not line.strip():
            continue
        assert len(line.encode()) < 65536
        key, equals, value = line.partition("=")
        assert equals and ":" not in key and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key), f"malformed line {line!r}"
        value = value.replace("\r", "").strip()
        if value[:1] in "'\"" and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1]
        else:
            value = value.split("#")[0].strip() if version == 2 else re.split(r"\s#", value)[0].strip()
            value = re.sub(r"\\\$", "$", re.sub(r"(?<!\\)\$\{?[A-Z0-9_]+\}?", "", value))
        if value.startswith("__B64__"):
            value = base64.b64decode(value[7:]).decode("utf-8", "replace")
        values[key] = value
    return values


# ---- help ----

def test_no_arguments_is_short_help_and_status_2(tmp_path):
    p = run(cwd=tmp_path)
    assert p.returncode == 2 and b"dbstep help STAGE" in p.stderr and p.stdout == b""
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("args", [["help"], ["--help"], ["-h"]])
def test_help(tmp_path, args):
    p = run(*args, cwd=tmp_path)
    assert p.returncode == 0 and p.stderr == b"" and b"data-test" in p.stdout


def test_help_of_every_stage(tmp_path):
    names = [line.split("\t")[0] for line in run("stages", cwd=tmp_path).stdout.decode().splitlines()]
    assert "data-test" in names
    for name in names:
        a, b = run("help", name, cwd=tmp_path), run(name, "--help", cwd=tmp_path)
        assert a.returncode == b.returncode == 0 and a.stdout == b.stdout
        assert b"Outputs" in a.stdout and b"--fail-on" in a.stdout and b" 40  " in a.stdout


def test_unknown_stage_is_suggested(tmp_path):
    for args in (["help", "data-tset"], ["data-tset"], ["data-tset", "--help"]):
        p = run(*args, cwd=tmp_path)
        assert p.returncode == 2 and b"did you mean data-test?" in p.stderr, p.stderr


def test_version(tmp_path):
    p = run("version", cwd=tmp_path)
    version = open(os.path.join(ROOT, "VERSION")).read().strip()
    assert p.returncode == 0 and p.stdout.decode().startswith(f"dbstep {version} ")
    assert b"OpenSSL" in p.stdout and b"cJSON" in p.stdout


def test_completion(tmp_path):
    p = run("completion", "bash", cwd=tmp_path)
    script = p.stdout.decode() + "\nCOMP_WORDS=(dbstep data-test --fail); COMP_CWORD=2; _dbstep; echo \"${COMPREPLY[@]}\"\n"
    out = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert out.stdout.startswith("--fail-on"), out
    assert run("completion", "fish", cwd=tmp_path).returncode == 2


def test_closed_and_full_stdout(tmp_path):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BINARY, "help"], stdout=full, stderr=subprocess.PIPE)
    assert p.returncode == 2


# ---- inputs ----

def test_every_problem_at_once(tmp_path):
    p = run("data-test", "--db-prot", "5", cwd=tmp_path,
            env={"DBSTEP_FAIL_ON": "sometimes", "PLUGIN_TIMEOUT": "soon", "INPUT_DB-PORT": "0", "DBSTEP_TEST_DRI": "x"})
    err = p.stderr.decode()
    assert p.returncode == 2
    for words in ("--db-prot is not an option; did you mean --db-port?", "never, error, warning and note", "PLUGIN_TIMEOUT", "1 to 65535",
                  "did you mean DBSTEP_TEST_DIR?", "test_dir is required"):
        assert words in err, (words, err)
    result = json.load(open(tmp_path / "dbstep-out" / "result.json"))
    assert result["verdict"] == "error" and result["exit_code"] == 2 and len(result["findings"]) == 6


def test_secrets_are_nowhere(tmp_path):
    secret_file = tmp_path / "secret"
    secret_file.write_text("file-s3cret\n")
    url = "postgresql://u:" + SECRET.replace("@", "%40").replace('"', "%22").replace("#", "%23").replace(" ", "%20").replace("|", "%7C") + "@/d"
    for host in ("plain", "harness", "github", "argo", "gitlab", "tekton", "argocd"):
        d = tmp_path / host
        d.mkdir()
        for name in ("o", "s", "t"):
            (d / name).write_text("")
        env = {"DBSTEP_HOST": host, "DBSTEP_DB_URL": url, "DBSTEP_DB_PASSWORD_FILE": str(secret_file), "DBSTEP_TEST_DIR": "/nonexistent/" + SECRET,
               "DBSTEP_FAIL_ON": SECRET, "DBSTEP_LOG_LEVEL": "debug", "DBSTEP_RESULTS_DIR": str(d / "r"), "DBSTEP_TERMINATION_LOG": str(d / "t"),
               "DRONE_OUTPUT": str(d / "o"), "GITHUB_OUTPUT": str(d / "o"), "GITHUB_STEP_SUMMARY": str(d / "s"), "DBSTEP_RUN_AS": "root"}
        p = run("data-test", "--db-password", "on-the-line", cwd=d, env=env)
        assert p.returncode == 2 and b"refused on the command line" in p.stderr
        everything = p.stdout + p.stderr
        for folder, _, names in os.walk(d):
            everything += b"".join(open(os.path.join(folder, n), "rb").read() for n in names)
        for secret in (SECRET, "file-s3cret", "on-the-line", "w0rd"):
            assert secret.encode() not in everything, (host, secret)


# ---- hosts ----

@pytest.mark.parametrize("text", HOSTILE)
def test_github_reads_back_what_was_set(tmp_path, text):
    (tmp_path / "o").write_text("earlier=1")
    (tmp_path / "s").write_text("")
    result, p = failing(tmp_path, text, env={"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(tmp_path / "o"), "DBSTEP_RUN_AS": "root",
                                             "GITHUB_STEP_SUMMARY": str(tmp_path / "s"), "GITHUB_ENV": str(tmp_path / "env")})
    got = github_outputs(open(tmp_path / "o", newline="").read())
    assert p.returncode == 2 and got["earlier"] == "1"
    assert got["summary"] == result["outputs"]["summary"] == result["summary"] and text[:300] in got["summary"]
    assert json.loads(got["result"])["summary"] == got["summary"]
    assert got["verdict"] == "error" and got["exit_code"] == "2"
    assert not (tmp_path / "env").exists()
    # Commands are ours alone: one mask for the URL's parts, one error; nothing else that the runner would obey.
    for line in (p.stdout + p.stderr).decode("utf-8", "replace").split("\n"):
        assert "##[" not in line
        if line.lstrip().startswith("::"):
            assert line.startswith("::add-mask::") or line.startswith("::error "), line
    page = open(tmp_path / "s").read()
    assert page.startswith("## ") and "<b>" not in page


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("encoding", ["plain", "b64"])
def test_harness_reads_back_what_was_set(tmp_path, text, version, encoding):
    (tmp_path / "o").write_text("earlier=1\n")
    result, _ = failing(tmp_path, text, env={"HARNESS_ACCOUNT_ID": "a", "DRONE": "true", "DRONE_OUTPUT": str(tmp_path / "o"),
                                             "DBSTEP_OUTPUT_ENCODING": encoding})
    assert result["host"] == "harness"
    got = dotenv(open(tmp_path / "o", newline="").read(), version)
    summary = got["summary"]
    if summary.startswith("["):
        assert encoding == "plain"
        summary = json.loads(summary)[0]
    assert got["earlier"] == "1" and summary == result["summary"]
    assert json.loads(got["result"])["outputs"]["summary"] == result["summary"]
    assert got["exit_code"] == "2"


@pytest.mark.parametrize("text", HOSTILE)
def test_argo_reads_back_what_was_set(tmp_path, text):
    result, _ = failing(tmp_path, text, env={"ARGO_CONTAINER_NAME": "main", "ARGO_NODE_ID": "n"})
    assert result["host"] == "argo"
    folder = tmp_path / "dbstep-out" / "outputs"
    assert {n for n in os.listdir(folder)} == set(result["outputs"]) | {"result"}
    for name, value in result["outputs"].items():
        read = open(folder / name, newline="").read()
        read = read[:-1] if read.endswith("\n") else read
        assert read == ("" if value is None else value)
    assert json.loads(open(folder / "result").read())["verdict"] == "error"


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_files_can_be_sourced(tmp_path, text):
    result, _ = failing(tmp_path, text)
    out = subprocess.run(["sh", "-c", '. ./dbstep-out/outputs.env; printf "%s" "$summary"'], cwd=tmp_path, capture_output=True, env={})
    assert out.stdout.decode() == result["summary"] and out.stderr == b""
    assert json.load(open(tmp_path / "dbstep-out" / "outputs.json"))["summary"] == result["summary"]


@pytest.mark.parametrize("text", HOSTILE)
def test_reports_are_well_formed(tmp_path, text):
    result, _ = failing(tmp_path, text)
    case = xml.parse(tmp_path / "dbstep-out" / "junit.xml").getroot().find(".//failure")
    want = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", result["error"]["message"])
    assert case.get("message").replace("\r", "\n") == want.replace("\r", "\n")
    assert "<b>" not in open(tmp_path / "dbstep-out" / "summary.md").read()


def test_gitlab_and_tekton_and_argocd(tmp_path):
    result, p = failing(tmp_path, "x", env={"GITLAB_CI": "true"})
    text = open(tmp_path / "dbstep-out" / "outputs.env").read()
    assert result["host"] == "gitlab" and "exit_code=2\n" in text and len(text) < 5120 and '"' not in text
    failing(tmp_path, "x", host="tekton", env={"DBSTEP_RESULTS_DIR": str(tmp_path / "r")})
    assert open(tmp_path / "r" / "verdict").read() == "error"
    assert sum(os.path.getsize(p) for p in glob.glob(str(tmp_path / "r" / "*"))) < 1024
    (tmp_path / "t").write_text("")
    failing(tmp_path, "x" * 900, host="argocd", env={"DBSTEP_TERMINATION_LOG": str(tmp_path / "t")})
    assert open(tmp_path / "t").read().startswith("data-test: error (exit status 2): ") and os.path.getsize(tmp_path / "t") <= 4096


def test_github_masks_derived_secrets_before_anything_else(tmp_path):
    p = run("data-test", cwd=tmp_path, env={"GITHUB_ACTIONS": "true", "DBSTEP_RUN_AS": "root", "DBSTEP_TEST_DIR": "/nonexistent",
                                            "INPUT_DB_URL": "postgresql://u:d3rived%25@/d?host=/nonexistent"})
    lines = p.stdout.decode().split("\n")
    assert "::add-mask::d3rived%25" in lines  # the runner reads %25 as the percent sign
    assert all(line.startswith("::add-mask::") for line in lines[:lines.index("::add-mask::d3rived%25")])
    p = run("data-test", cwd=tmp_path, env={"DBSTEP_HOST": "github", "DBSTEP_DB_PASSWORD": "no-runner-here", "DBSTEP_RUN_AS": "root"})
    assert b"no-runner-here" not in p.stdout + p.stderr  # nobody there to mask it


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_github_root_becomes_the_owner_of_the_workspace(tmp_path):
    """The runner's files are the runner's; the workspace belongs to 1234; what is written there must be theirs."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    work = tmp_path / "work"
    work.mkdir()
    os.chown(work, 1234, 1234)
    out = tmp_path / "out"
    out.write_text("")
    out.chmod(0o600)
    env = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(out), "GITHUB_WORKSPACE": str(work), "DBSTEP_TEST_DIR": "/nonexistent",
           "DBSTEP_DB_URL": "postgresql://u@/d?host=/nonexistent"}
    p = run("data-test", cwd=work, env=env)
    assert p.returncode == 2 and github_outputs(out.read_text())["verdict"] == "error", p.stderr
    assert (work / "dbstep-out" / "result.json").stat().st_uid == 1234
    p = run("data-test", cwd=work, env={**env, "DBSTEP_RUN_AS": "4321:4322", "DBSTEP_OUTPUT_DIR": "other"})
    assert (work / "other" / "result.json").stat().st_uid == 4321 and (work / "other" / "result.json").stat().st_gid == 4322
    p = run("data-test", cwd=work, env={**env, "DBSTEP_RUN_AS": "somebody", "DBSTEP_OUTPUT_DIR": "third"})
    assert p.returncode == 2 and b"run_as" in p.stderr


# ---- failing writes ----

def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


def test_disk_full_does_not_hide_the_stage_s_failure(tmp_path):
    env = {"DBSTEP_TEST_DIR": "/nonexistent", "DBSTEP_DB_URL": "postgresql://u@/d?host=/nonexistent"}
    p = run("data-test", cwd=tmp_path, env=env, preexec=limit_files)
    assert p.returncode == 2 and b"ERROR: " in p.stderr and b"/nonexistent" in p.stderr
    assert [n for n in os.listdir(tmp_path / "dbstep-out") if n.startswith(".") or "tmp" in n] == []


def test_disk_full_after_success_is_a_failure(tmp_path, server, database):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.sql").write_text("SELECT 1 WHERE false")
    env = {"DBSTEP_TEST_DIR": "t", "DBSTEP_DB_URL": server.url(database)}
    assert run("data-test", cwd=tmp_path, env=env).returncode == 0
    p = run("data-test", cwd=tmp_path, env=env, preexec=limit_files)
    assert p.returncode == 15, p.stderr
    assert p.stderr.count(b"ERROR: ") == 1
    # The files of the run before are still whole.
    assert json.load(open(tmp_path / "dbstep-out" / "result.json"))["exit_code"] == 0
    p = run("data-test", cwd=tmp_path, env={**env, "HARNESS_ACCOUNT_ID": "x", "DRONE_OUTPUT": "/dev/full"})
    assert p.returncode == 15 and b"/dev/full" in p.stderr


def test_output_dir_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("/proc/nowhere", str(tmp_path / "file")):
        p = run("data-test", cwd=tmp_path, env={"DBSTEP_OUTPUT_DIR": path, "DBSTEP_TEST_DIR": "/tmp", "DBSTEP_DB_URL": "postgresql:///d"})
        assert p.returncode == 2 and b"output_dir" in p.stderr and path.encode() in p.stderr, p.stderr


# ---- ends ----

def test_first_signal_ends_in_40_and_a_second_one_breaks_nothing(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))  # accepts, never answers
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.sql").write_text("SELECT 1")
    for second in (None, signal.SIGTERM, signal.SIGINT):
        p = subprocess.Popen([BINARY, "data-test"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             env={"DBSTEP_TEST_DIR": "t", "DBSTEP_DB_URL": f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d?sslmode=disable"})
        listener.settimeout(30)
        peer, _ = listener.accept()
        p.send_signal(signal.SIGTERM)
        if second:
            p.send_signal(second)
        _, err = p.communicate(timeout=30)
        peer.close()
        assert p.returncode == 40, err
        result = json.load(open(tmp_path / "dbstep-out" / "result.json"))
        assert result["exit_code"] == 40 and result["error"]["code"] == "INTERRUPTED"
        (tmp_path / "dbstep-out" / "result.json").unlink()
    listener.close()


def test_timeout_and_argo_deadline_end_in_13(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.sql").write_text("SELECT 1")
    env = {"DBSTEP_TEST_DIR": "t", "DBSTEP_DB_URL": f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d?sslmode=disable"}
    p = run("data-test", "--timeout", "300ms", cwd=tmp_path, env=env)
    assert p.returncode == 13 and b"trying again may help" in p.stderr, p.stderr
    p = run("data-test", cwd=tmp_path, env={**env, "ARGO_CONTAINER_NAME": "main", "ARGO_NODE_ID": "n", "ARGO_DEADLINE": "2001-01-01T00:00:00Z"})
    assert p.returncode == 13, p.stderr
    listener.close()


@pytest.mark.parametrize("severity,fail_on,status", [
    ("error", "error", 3), ("error", "never", 0), ("error", "note", 3), ("warning", "error", 0), ("warning", "warning", 3), ("warning", "never", 0)])
def test_fail_on(tmp_path, server, database, severity, fail_on, status):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.sql").write_text(f"-- severity: {severity}\nSELECT 1")
    p = run("data-test", cwd=tmp_path, env={"DBSTEP_TEST_DIR": "t", "DBSTEP_DB_URL": server.url(database), "DBSTEP_FAIL_ON": fail_on})
    assert p.returncode == status, p.stderr
    result = json.load(open(tmp_path / "dbstep-out" / "result.json"))
    assert result["exit_code"] == status and result["outputs"]["exit_code"] == str(status) and len(result["findings"]) == 1


# ---- generated documents ----

def generated(path):
    return open(os.path.join(ROOT, "plugin", path)).read()


def test_generated_documents_are_checked_in(tmp_path):
    assert run("generate", str(tmp_path / "plugin"), cwd=tmp_path).returncode == 0
    diff = subprocess.run(["diff", "-ru", os.path.join(ROOT, "plugin"), str(tmp_path / "plugin")], capture_output=True, text=True)
    assert diff.returncode == 0, diff.stdout[:2000]


def test_all_generated_yaml_loads():
    names = [n for n in glob.glob(os.path.join(ROOT, "plugin", "**", "*.y*ml"), recursive=True)]
    assert len(names) > 5
    for name in names:
        for document in yaml.safe_load_all(open(name)):
            assert document, name


def schema(name):
    path = os.path.join(SCHEMAS, name)
    if not os.path.exists(path):
        pytest.skip(f"no schema at {path}: set DBSTEP_SCHEMAS")
    return json.load(open(path))


def faults(validator, document):
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(document)]


def test_github_action_obeys_the_schema():
    from jsonschema import Draft7Validator
    validator = Draft7Validator(schema("github-action.schema.json"))
    action = yaml.safe_load(generated("action.yml"))
    assert faults(validator, action) == []
    assert action["inputs"]["stage"]["required"] and "result" in action["outputs"]
    assert faults(validator, {**action, "runs": {**action["runs"], "using": "dokcer"}})
    assert faults(validator, {**action, "extra": 1})


def argo_validator(kind):
    from jsonschema import Draft202012Validator
    text = schema("argo-workflows.schema.json")
    definitions = text["definitions"]
    for name, d in definitions.items():  # as shipped it accepts unknown keys
        if name.startswith("io.") and d.get("type") == "object" and "properties" in d and "additionalProperties" not in d:
            d["additionalProperties"] = False
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["type"] = ["string", "integer"]
    return Draft202012Validator({"$schema": text["$schema"], "$ref": "#/definitions/io.argoproj.workflow.v1alpha1." + kind, "definitions": definitions})


def test_argo_template_obeys_the_closed_schema(tmp_path):
    document = yaml.safe_load(generated("argo/cluster-workflow-template.yaml"))
    validator = argo_validator(document["kind"])
    assert faults(validator, document) == []
    stages = {line.split("\t")[0] for line in run("stages", cwd=tmp_path).stdout.decode().splitlines()}
    assert {t["name"] for t in document["spec"]["templates"]} == stages
    for t in document["spec"]["templates"]:
        assert all("default" in o["valueFrom"] for o in t["outputs"]["parameters"])
        assert t["container"]["command"] == ["/dbstep"] and "[12, 13, 14]" in t["retryStrategy"]["expression"]
        assert len({p["name"] for p in t["inputs"]["parameters"]}) == len(t["inputs"]["parameters"])
        for p in t["inputs"]["parameters"]:
            assert "enum" not in p or p.get("value", p["enum"][0]) in p["enum"]
    document["spec"]["templates"][0]["contianer"] = document["spec"]["templates"][0].pop("container")
    assert faults(validator, document)


def test_harness_templates_are_well_named():
    for name in glob.glob(os.path.join(ROOT, "plugin", "harness", "step-template-*.yaml")):
        template = yaml.safe_load(open(name))["template"]
        assert re.fullmatch(r"[a-zA-Z_][0-9a-zA-Z_]{0,127}", template["identifier"])
        assert re.fullmatch(r"[0-9a-zA-Z][^\s/&]{0,127}", template["versionLabel"])
        assert template["type"] == "Step" and template["spec"]["type"] == "Plugin"
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", k) for k in template["spec"]["spec"]["settings"])
