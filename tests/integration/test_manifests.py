"""The examples that people copy: every input, output, template and artifact in them exists, and the Argo one obeys Argo's schema."""
import os
import re

import pytest
import yaml

from conftest import ROOT
from test_contract import argo_validator, faults

MANIFESTS = os.path.join(ROOT, "manifests")


def load(*path):
    with open(os.path.join(ROOT, *path)) as f:
        return yaml.safe_load(f)


def stages():
    """Per stage: its inputs, its required ones, its outputs; from the generated documents, which equal the registry."""
    found = {}
    for t in load("plugin", "argo", "cluster-workflow-template.yaml")["spec"]["templates"]:
        env = {e["name"][len("DBSTEP_"):].lower() for e in t["container"]["env"]}
        required = {p["name"] for p in t["inputs"]["parameters"] if "value" not in p}
        found[t["name"]] = (env, required, {p["name"] for p in t["outputs"]["parameters"]}, t)
    return found


def check_inputs(where, stage, given):
    inputs, required, _, _ = stages()[stage]
    common = set(load("plugin", "action.yml")["inputs"]) - {n for s in stages().values() for n in s[0]}
    assert set(given) <= inputs | common | {"output_dir", "stage"}, f"{where}: {set(given) - inputs - common}"
    assert required <= set(given), f"{where}: {required - set(given)} missing"


def check_output(where, stage, name):
    assert name in stages()[stage][2], f"{where}: {stage} has no output {name}"


@pytest.mark.parametrize("name", ["pipeline.yaml", "fan-out.yaml"])
def test_argo_workflows_obey_the_closed_schema(name):
    document = load("manifests", "argo", name)
    validator = argo_validator("Workflow")
    assert faults(validator, document) == []
    document["spec"]["templates"][0]["setps"] = document["spec"]["templates"][0].pop("steps")
    assert faults(validator, document)


def check_argo_steps(where, steps, local):
    made = {}
    for step in steps:
        arguments = step.get("arguments", {})
        text = yaml.safe_dump(arguments)
        for name, output in re.findall(r"\{\{steps\.([a-z-]+)\.outputs\.parameters\.([a-z_]+)\}\}", text):
            outputs = local[name] if name in local else made[name][1]
            assert output in outputs, f"{where}: {name} has no output {output}"
        for name, artifact in re.findall(r"\{\{steps\.([a-z-]+)\.outputs\.artifacts\.([a-z_-]+)\}\}", text):
            assert artifact in made[name][2], f"{where}: {name} has no artifact {artifact}"
        if "templateRef" not in step:
            continue
        assert step["templateRef"]["name"] == "dbstep" and step["templateRef"]["clusterScope"]
        stage = step["templateRef"]["template"]
        _, required, outputs, t = stages()[stage]
        parameters = {p["name"] for p in arguments.get("parameters", [])}
        assert parameters <= {p["name"] for p in t["inputs"]["parameters"]} and required <= parameters, f"{where}: {step['name']}"
        assert {a["name"] for a in arguments.get("artifacts", [])} <= {a["name"] for a in t["inputs"]["artifacts"]}
        made[step["name"]] = (stage, outputs, {a["name"] for a in t["outputs"]["artifacts"]})
    return made


def test_argo_pipeline_names_what_exists():
    spec = load("manifests", "argo", "pipeline.yaml")["spec"]
    local = {t["name"]: {p["name"] for p in t.get("outputs", {}).get("parameters", [])} for t in spec["templates"]}
    pipeline = next(t for t in spec["templates"] if t["name"] == spec["entrypoint"])
    made = check_argo_steps("argo", [s for group in pipeline["steps"] for s in group], local)
    assert {m[0] for m in made.values()} == {"volume-clone", "integrity-baseline", "schema-deploy", "integrity-diff", "data-test"}
    clone = next(t for t in spec["templates"] if t["name"] == "clone")
    check_inputs("argo", "volume-clone", {e["name"][len("DBSTEP_"):].lower() for e in clone["container"]["env"]})
    for name in local["clone"]:
        check_output("argo", "volume-clone", name)


def check_github_steps(where, steps):
    by_id = {s["id"]: s["with"]["stage"] for s in steps if "id" in s}
    for s in steps:
        for name, output in re.findall(r"steps\.([a-z_]+)\.outputs\.([a-z_]+)", yaml.safe_dump(s)):
            check_output(where, by_id[name], output)
        if "with" in s and "stage" in s["with"]:
            check_inputs(where, s["with"]["stage"], s["with"])
    return set(by_id.values())


def test_github_pipeline_names_what_exists():
    jobs = load("manifests", "github", "pipeline.yml")["jobs"]
    used = set().union(*(check_github_steps("github", j["steps"]) for j in jobs.values()))
    assert used == {"volume-clone", "integrity-baseline", "schema-deploy", "integrity-diff", "data-test"}


def check_harness_steps(where, steps):
    by_id = {}
    for s in (x["step"] for x in steps):
        assert re.fullmatch(r"[a-zA-Z_][0-9a-zA-Z_]{0,127}", s["identifier"])
        if s["type"] != "Plugin":
            continue
        settings = s["spec"]["settings"]
        by_id[s["identifier"]] = settings["stage"]
        check_inputs(where, settings["stage"], settings)
        for name, output in re.findall(r"execution\.steps\.(\w+)\.output\.outputVariables\.(\w+)", yaml.safe_dump(settings)):
            check_output(where, by_id[name], output)
    return set(by_id.values())


def test_harness_pipeline_names_what_exists():
    used = set()
    for s in load("manifests", "harness", "pipeline.yaml")["pipeline"]["stages"]:
        used |= check_harness_steps("harness", s["stage"]["spec"]["execution"]["steps"])
    assert used == {"volume-clone", "integrity-baseline", "schema-deploy", "integrity-diff", "data-test"}


def test_argo_fan_out_names_what_exists():
    spec = load("manifests", "argo", "fan-out.yaml")["spec"]
    templates = {t["name"]: t for t in spec["templates"]}
    steps = [s for group in templates[spec["entrypoint"]]["steps"] for s in group]
    assert [s["name"] for s in steps] == ["hold", "plan", "slice", "merge"] and templates["hold"]["daemon"]
    shared = {}
    for s in steps:
        t = templates[s["template"]]
        stage, env = t["container"]["args"][0], {e["name"][len("DBSTEP_"):].lower(): e.get("value") for e in t["container"]["env"]}
        check_inputs("argo fan-out", stage, set(env) - {"host"})
        for p in t.get("outputs", {}).get("parameters", []):
            check_output("argo fan-out", stage, p["name"])
            assert p["valueFrom"]["path"] == f"{env['output_dir']}/outputs/{p['name']}"
        shared[s["name"]] = env
    over = re.fullmatch(r"\{\{steps\.(\w+)\.outputs\.parameters\.(\w+)\}\}", steps[2]["withParam"])
    assert over[2] in {p["name"] for p in templates[over[1]]["outputs"]["parameters"]}
    assert {e["plan"] for e in shared.values() if "plan" in e} == {shared["hold"]["output_dir"] + "/plan.json"}
    assert os.path.dirname(shared["slice"]["part"]) == shared["merge"]["parts"]


def test_github_fan_out_names_what_exists():
    jobs = load("manifests", "github", "fan-out.yml")["jobs"]
    assert set().union(*(check_github_steps("github fan-out", j["steps"]) for j in jobs.values())) == {"integrity-plan", "integrity-diff", "integrity-merge"}
    output = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", jobs["plan"]["outputs"]["matrix"])
    check_output("github fan-out", next(s["with"]["stage"] for s in jobs["plan"]["steps"] if s.get("id") == output[1]), output[2])
    assert jobs["slice"]["strategy"]["matrix"] == "${{ fromJSON(needs.plan.outputs.matrix) }}" and set(jobs["merge"]["needs"]) == {"plan", "slice"}


def test_harness_fan_out_names_what_exists():
    steps = load("manifests", "harness", "fan-out.yaml")["pipeline"]["stages"][0]["stage"]["spec"]["execution"]["steps"]
    assert check_harness_steps("harness fan-out", steps) == {"integrity-plan", "integrity-diff", "integrity-merge"}
    hold, _, piece, merge = (s["step"] for s in steps)
    env = {n[len("DBSTEP_"):].lower(): v for n, v in hold["spec"]["envVariables"].items()}
    check_inputs("harness fan-out", hold["spec"]["entrypoint"][1], set(env) - {"host"})
    step, output = re.match(r"<\+execution\.steps\.(\w+)\.output\.outputVariables\.(\w+)>\.split", piece["strategy"]["matrix"]["slice"]).groups()
    check_output("harness fan-out", next(s["step"]["spec"]["settings"]["stage"] for s in steps if s["step"]["identifier"] == step), output)
    assert piece["spec"]["settings"]["plan"] == merge["spec"]["settings"]["plan"] == env["output_dir"] + "/plan.json"
    assert piece["spec"]["settings"]["output_dir"].startswith(merge["spec"]["settings"]["parts"] + "/")


def test_examples_of_the_readme_name_what_exists():
    with open(os.path.join(ROOT, "README.md")) as f:
        text = f.read()
    blocks = [(b, yaml.safe_load(b)) for b in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    assert len(blocks) == 3
    (harness_text, harness), (_, argo), (_, github) = blocks
    check_harness_steps("README", harness)
    stage = harness[0]["step"]["spec"]["settings"]["stage"]
    for output in re.findall(r"outputVariables\.(\w+)", harness_text):
        check_output("README", stage, output)
    made = {"baseline": ("integrity-baseline", set(), {a["name"] for a in stages()["integrity-baseline"][3]["outputs"]["artifacts"]})}
    for step in argo:
        for name, artifact in re.findall(r"steps\.([a-z-]+)\.outputs\.artifacts\.([a-z_-]+)", yaml.safe_dump(step)):
            assert artifact in made[name][2]
    check_argo_steps("README", [{k: v for k, v in s.items() if k != "arguments"} | {"arguments": {"parameters": s["arguments"]["parameters"]}} for s in argo], {})
    check_github_steps("README", github)
