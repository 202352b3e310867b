"""The chart of quotas: what Kueue gets, who may look, and a wrong value refused by its name."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.chart import QUOTAS, helm, of_kind, refusal, render
from tests.helm.test_values import differences, is_section, known, schemas

import nemoflow

SCHEMA = json.loads((QUOTAS / "values.schema.json").read_text())
VALUES = yaml.safe_load((QUOTAS / "values.yaml").read_text())
FULL = QUOTAS / "ci" / "full-values.yaml"
profiles = pytest.mark.parametrize("values", sorted(QUOTAS.glob("ci/*-values.yaml")), ids=lambda path: path.stem)


def rendered(values: dict[str, Any] | Path | None = None) -> list[dict[str, Any]]:
    return render(values, chart=QUOTAS, release="quotas")


@profiles
def test_helm_finds_nothing_to_say(values: Path) -> None:
    done = helm("lint", "--strict", str(QUOTAS), "--values", str(values))
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_object_of_the_schema_is_open_and_it_knows_exactly_the_values_that_there_are() -> None:
    loose = [
        name for name, schema in schemas(SCHEMA) if schema.get("type") == "object" and schema.get("additionalProperties", True) is True
    ]
    assert loose == []
    assert list(differences(VALUES, SCHEMA, "")) == []


def test_every_value_has_a_line_that_explains_it() -> None:
    lines = (QUOTAS / "values.yaml").read_text().splitlines()
    bare = [
        line
        for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False)
        if re.match(r" *[a-zA-Z0-9]+:", line) and not before.strip().startswith("#") and not is_section(line, after)
    ]
    assert bare == []


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((QUOTAS / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == nemoflow.__version__


def test_a_team_gets_its_quota_in_its_order_and_a_queue_in_each_of_its_namespaces() -> None:
    objects = rendered(FULL)
    vision = of_kind(objects, "ClusterQueue")["vision"]
    assert vision["metadata"]["labels"]["nemoflow/team"] == "vision"
    spec = vision["spec"]
    assert spec["cohortName"] == "research"
    assert spec["namespaceSelector"]["matchExpressions"][0]["values"] == ["vision", "vision-dev"]
    groups = {tuple(group["coveredResources"]): group["flavors"] for group in spec["resourceGroups"]}
    assert groups["nvidia.com/gpu",] == [
        {
            "name": "h100-spot",
            "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 8, "borrowingLimit": 4, "lendingLimit": 2}],
        },
        {"name": "h100", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 4}]},
    ]
    assert groups["amd.com/gpu",] == [{"name": "mi300", "resources": [{"name": "amd.com/gpu", "nominalQuota": 2, "lendingLimit": 0}]}]
    quota = {each["name"]: (each["nominalQuota"], each.get("borrowingLimit")) for each in groups["cpu", "memory"][0]["resources"]}
    assert quota == {"cpu": ("64", 0), "memory": ("512Gi", 0)}
    queues = [found for found in objects if found["kind"] == "LocalQueue"]
    assert {(queue["metadata"]["namespace"], queue["metadata"]["name"], queue["spec"]["clusterQueue"]) for queue in queues} == {
        ("vision", "shared", "vision"),
        ("vision-dev", "shared", "vision"),
        ("language", "gpu", "language"),
    }


@profiles
def test_no_pod_is_refused_for_cores_or_memory_and_every_flavor_that_is_named_exists(values: Path) -> None:
    objects = rendered(values)
    flavors = of_kind(objects, "ResourceFlavor")
    for queue in of_kind(objects, "ClusterQueue").values():
        covered = [resource for group in queue["spec"]["resourceGroups"] for resource in group["coveredResources"]]
        assert {"cpu", "memory"} <= set(covered)
        assert len(covered) == len(set(covered))
        for group in queue["spec"]["resourceGroups"]:
            assert {flavor["name"] for flavor in group["flavors"]} <= set(flavors)
            assert "nodeLabels" not in flavors[group["flavors"][0]["name"]]["spec"] or "cpu" not in group["coveredResources"]


def bound(objects: list[dict[str, Any]], role: str) -> set[str]:
    """Who has a role in the whole cluster."""
    found = [each for each in objects if each["kind"] == "ClusterRoleBinding" and each["roleRef"]["name"] == role]
    return {f"{subject.get('namespace', '')}/{subject['name']}" for each in found for subject in each["subjects"]}


def test_a_team_sees_what_runs_in_its_own_namespaces_and_of_others_only_how_much() -> None:
    values = yaml.safe_load(FULL.read_text())
    members = {"/team-vision", "vision/nemoflow-submit", "vision-dev/nemoflow-submit", "language/nemoflow-submit"}
    readers = {"/alice", "monitoring/dashboard"}
    hidden = rendered({**values, "transparent": False})
    assert bound(hidden, "quotas-queues") == members | readers
    assert bound(hidden, "quotas-queues-all") == readers
    assert bound(rendered(values), "quotas-queues-all") == members | readers
    own = {
        (each["metadata"]["namespace"], subject["name"]) for each in hidden if each["kind"] == "RoleBinding" for subject in each["subjects"]
    }
    assert own == {
        *((namespace, name) for namespace in ("vision", "vision-dev") for name in ("team-vision", "nemoflow-submit")),
        ("language", "nemoflow-submit"),
    }


def test_nobody_may_change_anything() -> None:
    rules = [rule for role in of_kind(rendered(FULL), "ClusterRole").values() for rule in role["rules"]]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    assert all("*" not in rule["resources"] for rule in rules)


FLAVOR = {"name": "h100"}
TEAM = {"name": "vision", "namespaces": ["vision"], "quota": [{"flavor": "h100", "nominal": 4}]}


def team(**changes: Any) -> dict[str, Any]:
    return {"flavors": [FLAVOR], "teams": [{**TEAM, **changes}]}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("unknown", {"team": []}, "team"),
    ("label", {"commonLabels": {"a": "b c"}}, "/commonLabels/a"),
    ("annotation", {"commonAnnotations": {"a": 1}}, "/commonAnnotations/a"),
    ("cohort", {"cohort": "A"}, "/cohort"),
    ("flavor without a name", {"flavors": [{}]}, "/flavors/0"),
    ("flavor's name", {"flavors": [{"name": "H100"}]}, "/flavors/0/name"),
    ("resource", {"flavors": [{"name": "a", "resource": "gpu"}]}, "/flavors/0/resource"),
    ("node label", {"flavors": [{"name": "a", "nodeLabels": {"a": ["b"]}}]}, "/flavors/0/nodeLabels"),
    ("taint", {"flavors": [{"name": "a", "nodeTaints": [{"key": "a"}]}]}, "/flavors/0/nodeTaints/0"),
    ("toleration", {"flavors": [{"name": "a", "tolerations": [{"operator": "exists"}]}]}, "/flavors/0/tolerations/0/operator"),
    ("two flavors", {"flavors": [FLAVOR, FLAVOR]}, 'flavors[1].name: there are two flavors named "h100"'),
    ("any node", {"anyNode": ""}, "/anyNode"),
    ("team's name", team(name="Vision"), "/teams/0/name"),
    ("no namespace", team(namespaces=[]), "/teams/0/namespaces"),
    ("queue", team(queue=""), "/teams/0/queue"),
    ("no quota", team(quota=[]), "/teams/0/quota"),
    ("nominal", team(quota=[{"flavor": "h100", "nominal": "four"}]), "/teams/0/quota/0/nominal"),
    ("borrowing", team(quota=[{"flavor": "h100", "nominal": 4, "borrowing": -1}]), "/teams/0/quota/0/borrowing"),
    ("lending", team(quota=[{"flavor": "h100", "nominal": 4, "lending": 0.5}]), "/teams/0/quota/0/lending"),
    (
        "lends too much",
        team(quota=[{"flavor": "h100", "nominal": 4, "lending": 5}]),
        'flavor "h100" lends 5, which is more than its nominal 4',
    ),
    ("no such flavor", team(quota=[{"flavor": "a100", "nominal": 4}]), 'teams[0].quota: no flavor is named "a100"; there are h100'),
    ("twice", team(quota=[{"flavor": "h100", "nominal": 4}] * 2), 'teams[0].quota: flavor "h100" is there twice'),
    ("no cohort", {**team(quota=[{"flavor": "h100", "nominal": 4, "borrowing": 1}]), "cohort": ""}, "there is no cohort to borrow from"),
    ("cpu", team(cpu=64), "/teams/0/cpu"),
    ("memory", team(memory="much"), "/teams/0/memory"),
    ("weight", team(weight=-1), "/teams/0/weight"),
    ("members", team(members=["alice"]), "/teams/0/members/0"),
    ("two teams", {"flavors": [FLAVOR], "teams": [TEAM, {**TEAM, "namespaces": ["other"]}]}, 'there are two teams named "vision"'),
    (
        "one home",
        {"flavors": [FLAVOR], "teams": [TEAM, {**TEAM, "name": "b"}]},
        'teams[1].namespaces: "vision" is of team "vision" already',
    ),
    ("transparent", {"transparent": "yes"}, "/transparent"),
    ("priority", {"priorities": [{"name": "a", "value": "high"}]}, "/priorities/0/value"),
    ("two priorities", {"priorities": [{"name": "a", "value": 1}] * 2}, 'priorities[1].name: there are two priorities named "a"'),
    ("reclaim", {"preemption": {"reclaimWithinCohort": "Always"}}, "/preemption/reclaimWithinCohort"),
    ("within", {"preemption": {"withinClusterQueue": "Any"}}, "/preemption/withinClusterQueue"),
    ("borrow within", {"preemption": {"borrowWithinCohort": "Any"}}, "/preemption/borrowWithinCohort"),
    (
        "takes not its own",
        {"preemption": {"reclaimWithinCohort": "Never", "borrowWithinCohort": "LowerPriority"}},
        "preemption.borrowWithinCohort: LowerPriority needs a reclaimWithinCohort other than Never",
    ),
    ("can borrow", {"fungibility": {"whenCanBorrow": "Borrow"}}, "/fungibility/whenCanBorrow"),
    ("can preempt", {"fungibility": {"whenCanPreempt": "Preempt"}}, "/fungibility/whenCanPreempt"),
    ("strategy", {"queueingStrategy": "FIFO"}, "/queueingStrategy"),
    ("readers", {"readers": [{"kind": "Team", "name": "a"}]}, "/readers/0/kind"),
    ("reader's namespace", {"readers": [{"kind": "ServiceAccount", "name": "a"}]}, 'subject "a": a ServiceAccount needs its namespace'),
]


@pytest.mark.parametrize(("values", "named"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], named: str) -> None:
    said = refusal(values, QUOTAS)
    assert named in said, said


def test_every_value_has_a_wrong_one_among_the_tests() -> None:
    wrong = json.dumps([values for _, values, _ in WRONG])
    assert [name for name in known(SCHEMA) if f'"{name}"' not in wrong] == []
