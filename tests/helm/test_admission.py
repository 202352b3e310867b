"""The chart of what the API server refuses: as it is rendered; tests/cluster/test_isolation.py tries it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.chart import helm, of_kind, refusal, render

CHART = Path(__file__).parents[2] / "helm" / "nemoflow-admission"
PROFILES = sorted(CHART.glob("ci/*-values.yaml"))
ONE = {"registries": ["registry.local"]}
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"

profiles = pytest.mark.parametrize("values", PROFILES, ids=[path.stem for path in PROFILES])


@profiles
def test_helm_finds_nothing_to_say(values: Path) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(values))
    assert done.returncode == 0, done.stdout + done.stderr


@profiles
def test_every_policy_denies_when_in_doubt_and_is_bound_to_the_guarded_namespaces(values: Path) -> None:
    objects = render(values, chart=CHART, release="guard")
    policies, bindings = of_kind(objects, POLICY), of_kind(objects, BINDING)
    assert set(policies) == set(bindings) == {"guard-images", "guard-sandbox"}
    label = yaml.safe_load(values.read_text()).get("namespaceLabel", {"key": "nemoflow/guarded", "value": "true"})
    for name, policy in policies.items():
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert policy["spec"]["matchConstraints"]["resourceRules"][0]["operations"] == ["CREATE", "UPDATE"]
        assert "pods/ephemeralcontainers" in policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"]
        assert bindings[name]["spec"]["policyName"] == name
        assert bindings[name]["spec"]["matchResources"]["namespaceSelector"]["matchLabels"] == {label["key"]: label["value"]}


def test_a_registry_allows_whole_parts_of_names_only() -> None:
    found = of_kind(render({"images": {"registries": ["r.example:5000/ml", "quay.io"]}}, chart=CHART), POLICY)["nemoflow-images"]
    variables = {each["name"]: each["expression"] for each in found["spec"]["variables"]}
    assert json.loads(variables["allowed"]) == ["r.example:5000/ml/", "quay.io/"]


def test_each_switch_takes_away_its_policy() -> None:
    assert set(of_kind(render({"images": ONE, "sandbox": {"enabled": False}}, chart=CHART), POLICY)) == {"nemoflow-images"}
    assert set(of_kind(render({"images": {"enabled": False}}, chart=CHART), POLICY)) == {"nemoflow-sandbox"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "/images/registries"),
        ({"images": {"registries": []}}, "/images/registries"),
        ({"images": {"registries": ["https://r.example"]}}, "/images/registries/0"),
        ({"images": {"registries": ["r.example/"]}}, "/images/registries/0"),
        ({"images": {"registries": ["r.example/*"]}}, "/images/registries/0"),
        ({"images": {**ONE, "requireDigest": "yes"}}, "/images/requireDigest"),
        ({"images": {**ONE, "registry": "x"}}, "registry"),
        ({"images": ONE, "namespaceLabel": {"key": "a b", "value": ""}}, "/namespaceLabel/key"),
        ({"images": ONE, "actions": ["Refuse"]}, "/actions"),
        ({"images": ONE, "actions": ["Deny", "Warn"]}, "/actions"),
        ({"images": ONE, "policies": {}}, "policies"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], said: str) -> None:
    assert said in refusal(values, CHART)


def test_every_value_has_a_line_that_explains_it() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r" *[a-zA-Z]+:", line) and not before.strip().startswith("#") and not re.match(r"[a-zA-Z]+:$", line)
    ]
    assert bare == []
