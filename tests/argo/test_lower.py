import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from tests.argo.made import cluster, pipelines
from tests.flow.toy import line

from nemoflow.argo.cluster import load_cluster, on_cluster
from nemoflow.argo.lower import lower, to_yaml
from nemoflow.argo.pod import LAST_WORDS, TOKEN_FOLDER
from nemoflow.cli.cluster import render_workflow
from nemoflow.cli.main import nemoflow
from nemoflow.errors import ConfigError
from nemoflow.flow.toml import to_toml
from nemoflow.flow.tries import ATTEMPTS
from nemoflow.flow.workflow import build_pipeline, load_workflow, make_workflow
from nemoflow.inference import sleeping
from nemoflow.pipelines import PIPELINES

yaml = pytest.importorskip("yaml", reason="THE LOWERING IS NOT TESTED: the extra [argo] is not installed")
pytest.importorskip("hera.workflows", reason="THE LOWERING IS NOT TESTED: the extra [argo] is not installed")

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SHIPPED = sorted(path for path in WORKFLOWS.glob("*.toml") if path.stem != "cluster")
FILE = 'pipeline = "random"\n'
QUEUED = {"kueue.x-k8s.io/queue-name": "gpu", "kueue.x-k8s.io/priority-class": "training"}
slowly = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def lowered(pipeline, name="mine", file=FILE, **changes):
    return lower(pipeline, cluster(**changes), name, file, "one").to_dict()


def templates(made):
    return {template["name"]: template for template in made["spec"]["templates"]}


def tasks(made):
    return {task["name"]: task for task in templates(made)["dag"]["dag"]["tasks"]}


@slowly
@given(pipelines())
def test_each_edge_of_the_pipeline_is_a_dependency_and_nothing_else_but_the_cleanup_waits(pipeline):
    found = {name: set(task.get("dependencies") or ()) for name, task in tasks(lowered(pipeline)).items()}
    wanted = {node.name: {edge.node for edge in node.edges.values()} for node in pipeline.nodes}
    assert {name: found[name] for name in wanted} == wanted
    if pipeline.cleanup:
        woken = {edge.node for edge in pipeline.cleanup.edges.values()}
        assert found[pipeline.cleanup.name] == woken | {user.name for name in woken for user in pipeline.consumers(name)}
    assert set(found) == set(pipeline.by_name)


@slowly
@given(pipelines())
def test_a_nodes_own_secret_reaches_its_pod_and_no_other(pipeline):
    mine = next(iter(pipeline.by_name))
    made = templates(lowered(pipeline, step_secrets={mine: "kaggle-keys"}))
    for name in pipeline.by_name:
        seen = [one["secretRef"]["name"] for one in made[name]["container"]["envFrom"] if "secretRef" in one]
        assert seen == (["nemoflow-s3", "kaggle-keys"] if name == mine else ["nemoflow-s3"])


@slowly
@given(pipelines())
def test_each_pods_command_line_is_one_that_the_command_takes_for_this_very_node(pipeline):
    made = lowered(pipeline)
    for node in pipeline.by_name.values():
        container = templates(made)[node.name]["container"]
        assert container["command"] == ["nemoflow"]
        known = {"run": "one", "root": "s3://b/p", "set": '{"a.b": 1}', "shard": "0", "retries": "2", "exitCode": "-1"}
        words = [filled(word, **known) for word in container["args"]]
        command = nemoflow.get_command(None, words[0])
        parsed = command.make_context(words[0], list(words[1:])).params
        assert parsed["target"] == "/etc/nemoflow/workflow/mine.toml"
        assert (parsed["node"], parsed["run_name"], parsed["root"], parsed["sets"]) == (node.name, "one", "s3://b/p", '{"a.b": 1}')
        assert (parsed["attempt"], parsed["after"], str(parsed["last_words"])) == (2, -1, LAST_WORDS)
        assert parsed["shard"] == (f"0/{node.shards}" if node.shards > 1 else "0/1")


def filled(word, **values):
    return re.sub(r"\{\{(?:workflow\.parameters\.|inputs\.parameters\.|lastRetry\.)?(\w+)\}\}", lambda found: values[found[1]], word)


def option(template, name):
    args = template["container"]["args"]
    return args[args.index(name) + 1]


@slowly
@given(pipelines())
def test_shards_are_a_sequence_of_just_that_many(pipeline):
    made = lowered(pipeline)
    for node in pipeline.nodes:
        task = tasks(made)[node.name]
        assert task.get("withSequence") == ({"count": str(node.shards)} if node.shards > 1 else None)
        given_on = {entry["name"]: entry["value"] for entry in (task.get("arguments") or {}).get("parameters") or ()}
        assert given_on == ({"shard": "{{item}}"} if node.shards > 1 else {})


@slowly
@given(pipelines())
def test_the_same_pipeline_gives_the_same_text_and_every_parameter_in_it_is_one_that_there_is(pipeline):
    text = to_yaml(lower(pipeline, cluster(), "mine", FILE, "one"), "here")
    assert text == to_yaml(lower(pipeline, cluster(), "mine", FILE, "one"), "here")
    assert yaml.safe_load(text) == lowered(pipeline)
    known = {f"workflow.parameters.{name}" for name in ("run", "root", "set", "workflow")}
    known |= {"workflow.namespace", "workflow.name", "workflow.uid"}
    assert set(re.findall(r"\{\{([^=].*?)\}\}", text)) <= known | {"inputs.parameters.shard", "item", "retries", "lastRetry.exitCode"}


@slowly
@given(pipelines())
def test_every_container_is_one_that_restricted_admits(pipeline):
    made = lowered(pipeline)
    patch = json.loads(made["spec"]["podSpecPatch"])
    argos = [*patch["containers"], *patch["initContainers"]]
    assert {container["name"] for container in argos} == {"init", "wait"}
    mains = [template["container"] for template in made["spec"]["templates"] if "container" in template]
    for context in [container["securityContext"] for container in (*argos, *mains)]:
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsNonRoot"] is True
        assert context["readOnlyRootFilesystem"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert made["spec"]["securityContext"]["runAsNonRoot"] is True
    assert all(not volume.get("hostPath") for template in made["spec"]["templates"] for volume in template.get("volumes") or ())


@slowly
@given(pipelines())
def test_only_steps_that_act_on_the_cluster_see_a_token_and_know_for_which_workflow_and_no_template_holds_a_key(pipeline):
    made = lowered(pipeline)
    for node in pipeline.by_name.values():
        template = templates(made)[node.name]
        hidden = TOKEN_FOLDER in {mount["mountPath"] for mount in template["container"]["volumeMounts"]}
        acts = node.step.name == "waking"
        assert hidden is not acts
        assert template["serviceAccountName"] == ("nemoflow-teacher" if acts else "nemoflow-step")
        environment = {variable["name"]: variable["value"] for variable in template["container"]["env"]}
        assert set(environment) - {sleeping.HOLDER} == {"HOME", "TMPDIR", "NEMOFLOW_IMAGE"}
        holder = "{{workflow.namespace}}/{{workflow.name}}/{{workflow.uid}}/" + node.name
        assert environment.get(sleeping.HOLDER) == (holder if acts else None)
        assert template["container"]["envFrom"][1] == {"secretRef": {"name": "nemoflow-s3"}}


@slowly
@given(pipelines())
def test_a_node_is_made_by_its_pool_and_its_steps_image(pipeline):
    made = lowered(pipeline)
    for node in pipeline.by_name.values():
        template, pool = templates(made)[node.name], cluster().pools[node.step.pool]
        assert template["container"]["image"] == f"registry.example:5000/team/nemoflow/{node.step.image}:0.1.0"
        assert template["metadata"]["labels"] == {
            "nemoflow/step": node.name,
            "nemoflow/pool": node.step.pool,
            **(QUEUED if node.step.pool == "train" else {}),
        }
        assert template["container"]["resources"]["limits"].get("nvidia.com/gpu") == (str(pool.gpus) if pool.gpus else None)
        assert template.get("nodeSelector") == ({"gpu": "large", "a": "b"} if node.step.pool == "train" else None)
        assert template["activeDeadlineSeconds"] == pool.deadline_s
        assert template["retryStrategy"]["limit"] == str(ATTEMPTS)
        assert option(template, "--retries") == str(pool.retries)


def test_memory_is_more_only_after_an_attempt_that_ran_out_of_it():
    pipeline = line()
    made = lowered(pipeline, pools={"cpu": {"memory": "2Gi", "memory_after_oom": "5Gi", "grace_s": 90}})
    patch = json.loads(templates(made)["count"]["podSpecPatch"])
    assert patch["terminationGracePeriodSeconds"] == 90
    assert patch["containers"][0]["resources"]["limits"]["memory"] == "{{=lastRetry.exitCode == '137' ? '5Gi' : '2Gi'}}"


def test_the_cleanup_is_the_exit_handler_and_runs_once_nobody_needs_what_it_cleans_up():
    made = lowered(line())
    assert made["spec"]["onExit"] == "close"
    assert tasks(made)["close"]["dependencies"] == ["open", "page"]


def test_a_run_is_at_work_once_and_is_cleared_away_in_the_end():
    spec = lowered(line(), parallelism=7, keep={"done_s": 60, "failed_s": 90, "pods_s": 5})["spec"]
    assert spec["synchronization"] == {"mutexes": [{"name": "nemoflow-run-{{workflow.parameters.run}}"}]}
    assert spec["podGC"] == {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "5s"}
    assert spec["ttlStrategy"] == {"secondsAfterSuccess": 60, "secondsAfterFailure": 90}
    assert spec["parallelism"] == 7


@pytest.mark.parametrize("text", ['system = "Answer {{x}}"', "{{=1}}"])
def test_what_argo_would_take_for_a_parameter_is_refused(text):
    with pytest.raises(ConfigError, match=r"holds \{\{, which Argo takes for a parameter"):
        lowered(line(), file=f"{FILE}{text}\n")


def test_what_argo_would_take_for_a_parameter_is_refused_in_the_cluster_file_too():
    with pytest.raises(ConfigError, match=r"cluster\.pools\.cpu\.node_selector|node_selector"):
        lowered(line(), pools={"cpu": {"node_selector": {"a": "{{b}}"}}})


def test_a_pool_that_the_cluster_lacks_is_named():
    with pytest.raises(ConfigError, match=r"node count: step 'count' runs on pool 'cpu'; the cluster file has small"):
        lowered(line(), pools={"small": {}})


def test_a_node_whose_name_argo_cannot_hold_is_refused():
    pipeline = line()
    nodes = tuple(node if node.name != "count" else type(node)("Count_1", node.step, node.config) for node in pipeline.nodes[:1])
    with pytest.raises(ConfigError, match=r"node 'Count_1': on Argo a name has up to 42"):
        lowered(type(pipeline)("line", nodes))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_committed_template_is_what_its_workflow_file_renders_to(path):
    rendered = render_workflow(path, load_cluster(WORKFLOWS / "cluster.toml"))
    text = to_yaml(rendered.template, f"{path.name} and cluster.toml")
    assert path.with_suffix(".yaml").read_text() == text, "run `make render`"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_file_in_a_template_builds_the_same_pipeline_with_the_versions_of_its_steps(path):
    rendered = render_workflow(path, load_cluster(WORKFLOWS / "cluster.toml"))
    parameters = yaml.safe_load(path.with_suffix(".yaml").read_text())["spec"]["arguments"]["parameters"]
    (text,) = [parameter["value"] for parameter in parameters if parameter["name"] == "workflow"]
    import tomllib

    again = make_workflow(tomllib.loads(text), "there", path.parent)
    assert build_pipeline(again, PIPELINES) == rendered.pipeline
    assert again.head.versions == {node.name: node.step.version for node in rendered.pipeline.by_name.values()}


def test_what_is_different_on_a_cluster_changes_no_identity():
    from nemoflow.flow.fingerprint import fingerprints

    path = WORKFLOWS / "demo.toml"
    here = build_pipeline(load_workflow(path), PIPELINES)
    there = render_workflow(path, load_cluster(WORKFLOWS / "cluster.toml")).pipeline
    assert here != there
    assert fingerprints(here, str) == fingerprints(there, str)


def test_lowering_the_competition_takes_less_than_50_ms():
    path, there = WORKFLOWS / "competition.toml", load_cluster(WORKFLOWS / "cluster.toml")
    loaded = load_workflow(path)
    pipeline = build_pipeline(loaded, PIPELINES)
    mine = on_cluster(loaded, pipeline, there, "competition")
    pipeline, text = build_pipeline(mine, PIPELINES), to_toml(mine.values)
    lower(pipeline, there, "competition", text, "first")  # imports
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        lower(pipeline, there, "competition", text, "first").to_dict()
        times.append(time.perf_counter() - begun)
    assert sorted(times)[3] < 0.05
