import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.argo.made import cluster, nothing
from tests.flow.toy import CountConfig

from nemoflow.argo.cluster import Pool
from nemoflow.argo.gang import from_text
from nemoflow.argo.lower import lower, to_yaml
from nemoflow.artifacts import Problems
from nemoflow.errors import ConfigError
from nemoflow.flow.pipeline import From, Node, Pipeline
from nemoflow.flow.step import Step
from nemoflow.gang import AT_ENV, GANG_ENV, Gang

yaml = pytest.importorskip("yaml", reason="THE LOWERING IS NOT TESTED: the extra [argo] is not installed")
pytest.importorskip("hera.workflows", reason="THE LOWERING IS NOT TESTED: the extra [argo] is not installed")

GOLDEN = Path(__file__).with_name("gang.yaml")
UID = "12345678-9abc-4def-8123-456789abcdef"
slowly = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60).filter(lambda text: "{{" not in text)


def gang_step(**fields):
    known = {"name": "train", "version": 1, "config": CountConfig, "run": nothing, "outputs": {"problems": Problems}, "pool": "train"}
    return Step(**{**known, "processes": lambda config: config.count, "join": nothing, **fields})


def template(processes, file='pipeline = "gang"\n', name="train", step=None, **changes):
    """The lowered node, of so many processes on a pool whose pods have two GPUs."""
    pipeline = Pipeline("gang", (Node(name, step or gang_step(), CountConfig(count=processes)),))
    made = lower(pipeline, cluster(**changes), "mine", file, "one").to_dict()
    return next(template for template in made["spec"]["templates"] if template["name"] == name)


def filled(text, **values):
    """What Argo makes of a manifest: each expression is a sum of texts and parameters, given as JSON."""
    known = {"workflow.uid[0:18]": UID[:18], "workflow.name": "one-abcde"}
    known |= {f"workflow.parameters.{name}": value for name, value in values.items()}

    def value(found):
        parts = re.fullmatch(r"toJson\((.*)\)", found[1])[1].split(" + ")
        return json.dumps("".join(part[1:-1] if part.startswith("'") else known[part] for part in parts))

    return json.loads(re.sub(r"\{\{=(.*?)\}\}", value, text))


def manifest(made, **values):
    given = {"run": "one", "root": "s3://b/p", "set": "{}", "workflow": "", **values}
    return filled(made["resource"]["manifest"], **given)


def job_of(jobset):
    (only,) = jobset["spec"]["replicatedJobs"]
    assert only["replicas"] == 1
    return only["template"]["spec"]


def pod_of(jobset):
    return job_of(jobset)["template"]["spec"]


def variables(jobset, index):
    """Environment of a pod as Kubernetes makes it: in order, each may use those before it."""
    fields = {"annotations['batch.kubernetes.io/job-completion-index']": str(index), "labels['jobset.sigs.k8s.io/restart-attempt']": "3"}
    found = {}
    for variable in pod_of(jobset)["containers"][0]["env"]:
        if "value" in variable:
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], variable["value"])
        else:
            found[variable["name"]] = fields[variable["valueFrom"]["fieldRef"]["fieldPath"].removeprefix("metadata.")]
    return found


@given(st.integers(1, 64), st.integers(0, 8), st.integers(0, 8))
def test_all_processes_have_a_place_and_no_pod_is_half_full(processes, gpus, per_pod):
    pool = Pool(gpus=gpus, gpu_class="large") if gpus else Pool(processes_per_pod=per_pod)
    most = gpus or per_pod
    if not most or processes <= most:
        assert pool.pods(processes) == 1
    elif processes % most:
        with pytest.raises(ValueError, match=f"{processes} processes do not fill pods of .* = {most}; "):
            pool.pods(processes)
    else:
        assert pool.pods(processes) * most == processes


@slowly
@given(st.integers(2, 6))
def test_the_pods_together_have_a_gpu_a_process_and_each_another_place(pods):
    jobset = manifest(template(2 * pods))
    job, pod = job_of(jobset), pod_of(jobset)
    assert (job["completionMode"], job["completions"], job["parallelism"], job["backoffLimit"]) == ("Indexed", pods, pods, 0)
    assert job["parallelism"] * int(pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]) == 2 * pods
    found = [variables(jobset, index) for index in range(pods)]
    assert [each[GANG_ENV] for each in found] == [f"{index}/{pods}" for index in range(pods)]
    name = jobset["metadata"]["name"]
    assert {each[AT_ENV] for each in found} == {f"{name}-node-0-0.{name}:29500"}
    assert {Gang.of(each).index for each in found} == set(range(pods))
    assert jobset["spec"]["network"] == {"enableDNSHostnames": True}
    assert len(f"{name}-node-0-{pods}-abcde") < 64


@slowly
@given(TEXTS, TEXTS)
def test_the_workflow_file_and_overrides_come_through_whatever_is_in_them(file, sets):
    jobset = manifest(template(4, file=file), workflow=file, set=sets)
    made, pod = job_of(jobset)["template"], pod_of(jobset)
    (item,) = next(volume for volume in pod["volumes"] if volume["name"] == "workflow")["downwardAPI"]["items"]
    at = re.fullmatch(r"metadata\.annotations\['(.*)'\]", item["fieldRef"]["fieldPath"])[1]
    assert made["metadata"]["annotations"][at] == file
    mounted = next(mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "workflow")
    args = pod["containers"][0]["args"]
    assert args[:3] == ["step", f"{mounted}/{item['path']}", "train"]
    assert args[args.index("--set") + 1] == sets


def test_each_pod_runs_the_command_line_of_a_node_in_one_pod_but_for_the_count_of_attempts():
    alone, together = template(1), pod_of(manifest(template(4), set="{{workflow.parameters.set}}"))["containers"][0]
    args = [{"one": "{{workflow.parameters.run}}", "s3://b/p": "{{workflow.parameters.root}}"}.get(arg, arg) for arg in together["args"]]
    after = alone["container"]["args"].index("--attempt")
    assert args == [*alone["container"]["args"][:after], "--attempt", "$(NEMOFLOW_ATTEMPT)", *alone["container"]["args"][after + 4 :]]
    assert together["command"] == alone["container"]["command"]
    assert together["envFrom"] == alone["container"]["envFrom"]
    assert together["securityContext"] == alone["container"]["securityContext"]
    assert together["env"][:3] == alone["container"]["env"]


def test_what_no_other_attempt_would_change_ends_the_gang_and_whatever_else_ends_a_pod_begins_all_anew():
    jobset = manifest(template(4))
    lasting, sent_away = job_of(jobset)["podFailurePolicy"]["rules"]
    assert lasting == {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [1, 2, 69]}}
    assert sent_away == {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    policy = jobset["spec"]["failurePolicy"]
    assert policy["restartStrategy"] == "BlockingRecreate"
    # What Kubernetes 1.34 says of a Job that ended by its second rule, by its first, and by none
    by_condition = "Pod ns/p has condition DisruptionTarget matching FailJob rule at index 1"
    by_code = "Container main for pod ns/p failed with exit code 2 matching FailJob rule at index 0"
    assert action(policy, "PodFailurePolicy", by_condition) == "RestartJobSetAndIgnoreMaxRestarts"
    assert action(policy, "PodFailurePolicy", by_code) == "FailJobSet"
    assert action(policy, "DeadlineExceeded", "Job was active longer than specified deadline") == "FailJobSet"
    assert action(policy, "BackoffLimitExceeded", "Job has reached the specified backoff limit") == "RestartJobSet"


@pytest.mark.parametrize("retries", [0, 3])
def test_all_begin_anew_as_often_as_the_pool_allows_unless_a_pod_was_sent_away(retries):
    pools = {"train": {"gpus": 2, "gpu_class": "large", "retries": retries}}
    assert manifest(template(4, pools=pools))["spec"]["failurePolicy"]["maxRestarts"] == retries


def action(policy, reason, message):
    """What a JobSet does about a Job that failed so: the first rule that applies, or a restart that counts."""
    for rule in policy["rules"]:
        if reason in rule["onJobFailureReasons"] and any(
            re.search(each, message) for each in rule.get("onJobFailureMessagePatterns", [""])
        ):
            return rule["action"]
    return "RestartJobSet"


def test_a_queue_lets_in_all_pods_or_none_and_not_the_one_that_waits():
    made = template(4)
    assert made["metadata"]["labels"] == {"nemoflow/step": "train", "nemoflow/pool": "train"}
    jobset = manifest(made)
    queue = {"kueue.x-k8s.io/queue-name": "gpu", "kueue.x-k8s.io/priority-class": "training"}
    assert queue.items() <= jobset["metadata"]["labels"].items()
    assert not queue.keys() & job_of(jobset)["template"]["metadata"]["labels"].keys()


def test_pods_are_asked_to_be_near_each_other_where_the_cluster_file_says_so():
    pools = {"train": {"gpus": 2, "gpu_class": "large", "queue": "gpu", "topology": "cloud.example/rack"}}
    annotations = job_of(manifest(template(4, pools=pools)))["template"]["metadata"]["annotations"]
    assert annotations["kueue.x-k8s.io/podset-preferred-topology"] == "cloud.example/rack"


def test_the_steps_pods_see_no_token_and_the_one_that_waits_is_another_account_and_locked():
    made = template(4)
    pod = pod_of(manifest(made))
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("nemoflow-step", False)
    assert made["serviceAccountName"] == "nemoflow-gang"
    gone, main = json.loads(made["podSpecPatch"])["containers"]
    assert gone == {"name": "wait", "$patch": "delete"}
    assert main["securityContext"] == pod["containers"][0]["securityContext"]


def test_one_pod_is_a_container_that_asks_for_as_many_gpus_as_there_are_processes():
    for processes, gpus in ((1, "8"), (2, "2"), (8, "8")):
        made = template(processes, pools={"train": {"gpus": 8, "gpu_class": "large"}})["container"]
        assert made["resources"]["requests"]["nvidia.com/gpu"] == gpus


def test_one_pod_has_shared_memory_where_several_processes_hand_each_other_data_or_one_may_start_several():
    for processes, gpus, wanted in ((1, 1, False), (1, 8, True), (2, 8, True)):
        made = template(processes, pools={"train": {"gpus": gpus, "gpu_class": "large"}})["container"]
        assert ("/dev/shm" in {mount["mountPath"] for mount in made["volumeMounts"]}) is wanted


def test_pods_with_gpus_are_started_as_their_class_says_and_no_others():
    train = {"train": {"gpus": 2, "gpu_class": "large"}}
    classes = {"large": {"runtime_class": "nvidia"}}
    started = [
        json.loads(template(2, pools=train, gpu_classes=classes)["podSpecPatch"]).get("runtimeClassName"),
        pod_of(manifest(template(4, pools=train, gpu_classes=classes))).get("runtimeClassName"),
        json.loads(template(2, step=gang_step(pool="cpu"), gpu_classes=classes)["podSpecPatch"]).get("runtimeClassName"),
        pod_of(manifest(template(4, pools=train))).get("runtimeClassName"),
    ]
    assert started == ["nvidia", "nvidia", None, None]


def test_without_gpus_a_pool_says_how_many_processes_share_a_pod():
    assert "container" in template(4, step=gang_step(pool="cpu"))
    made = template(4, step=gang_step(pool="cpu"), pools={"cpu": {"processes_per_pod": 1}})
    assert job_of(manifest(made))["completions"] == 4


@pytest.mark.parametrize(
    ("step", "fields", "said"),
    [
        (gang_step(), {"processes": 3}, r"node train on pools\.train: 3 processes do not fill pods of gpus = 2; 2 or 4 would"),
        (gang_step(), {"name": "a-name-of-28-characters-here"}, r"its name may have 27 characters"),
        (gang_step(join=None), {}, r"its 4 processes are 2 pods, and one pod does the work of step 'train'"),
        (gang_step(), {"name": "4train"}, r"begins with a letter"),
        (gang_step(), {"file": "x" * 200_001}, r"the workflow file has 200001 bytes; up to 200000 are right"),
    ],
)
def test_what_a_jobset_cannot_hold_is_refused(step, fields, said):
    with pytest.raises(ConfigError, match=said):
        template(**{"processes": 4, "step": step, **fields})


def test_shards_of_several_pods_are_refused():
    step = gang_step(inputs={"problems": Problems}, sharded=True)
    node = Node("train", step, CountConfig(count=4), {"problems": From("first", "problems")}, shards=2)
    first = Node("first", gang_step(inputs={}), CountConfig(count=1))
    with pytest.raises(ConfigError, match=r"its 4 processes are 2 pods, and it has 2 shards; 1 is right"):
        lower(Pipeline("gang", (first, node)), cluster(), "mine", "", "one")


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ({"gpus": 2, "gpu_class": "large", "processes_per_pod": 2}, r"processes_per_pod = 2 beside gpus = 2"),
        ({"topology": "cloud.example/rack"}, r"topology = 'cloud.example/rack' without a queue"),
    ],
)
def test_a_pool_that_contradicts_itself_is_refused(pool, said):
    with pytest.raises(ConfigError, match=said):
        cluster(pools={"cpu": pool})


def test_a_template_is_as_it_was_when_it_was_last_looked_at():
    pipeline = Pipeline("gang", (Node("train", gang_step(image="train"), CountConfig(count=4)),))
    text = to_yaml(lower(pipeline, cluster(), "mine", 'pipeline = "gang"\n', "one"), "here")
    made = yaml.safe_load(text)
    (template,) = [each for each in made["spec"]["templates"] if "resource" in each]
    assert from_text(template["resource"]["manifest"])["kind"] == "JobSet"
    golden = GOLDEN.read_text()
    assert text == golden, f"look at the difference, then write it to {GOLDEN}"
