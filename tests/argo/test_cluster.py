import pytest
from tests.argo.made import VALUES, cluster

from nemoflow.argo.cluster import load_cluster, make_cluster, on_cluster, size, template_name
from nemoflow.errors import ConfigError, InputError
from nemoflow.flow.pipeline import Node
from nemoflow.flow.workflow import build_pipeline, make_workflow
from nemoflow.steps import EVALUATE

TOY = {"pipeline": "tests.flow.toy:toy", "count": {"count": 7}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"registry": "Registry"}, r"cluster\.toml: registry: string should match"),
        ({"tag": "a b"}, r"cluster\.toml: tag: "),
        ({"root": "/data"}, r"cluster\.toml: root: .* got '/data'"),
        ({"root": "s3://bucket/{{x}}"}, r"cluster\.toml: root: "),
        ({"namespace": "My_Space"}, r"cluster\.toml: namespace: "),
        ({"colour": "red"}, r"cluster\.toml: colour: unknown key \(value 'red'\); known keys: .*registry"),
        ({"pools": {"cpu": {"memory": "2 GB"}}}, r"cluster\.toml: pools\.cpu\.memory: .* got '2 GB'"),
        ({"pools": {"cpu": {"memory": "4Gi", "memory_after_oom": "2Gi"}}}, r"memory_after_oom = '2Gi' is less than memory = '4Gi'"),
        ({"pools": {"cpu": {"gpus": 1}}}, r"gpus = 1 and gpu_class = '': both or none"),
        ({"pools": {"cpu": {"gpus": 1, "gpu_class": "tiny"}}}, r"pools\.cpu\.gpu_class = 'tiny': known are large"),
        ({"pools": {"cpu": {"priority": "high"}}}, r"priority = 'high' without a queue"),
        ({"pools": {"cpu": {"queue": "Big"}}}, r"cluster\.toml: pools\.cpu\.queue: .* got 'Big'"),
        ({"pools": {"cpu": {"price_per_hour": -1}}}, r"cluster\.toml: pools\.cpu\.price_per_hour: "),
        ({"gpu_classes": {"large": {"price_per_hour": "2 EUR"}}}, r"cluster\.toml: gpu_classes\.large\.price_per_hour: "),
        ({"pools": {"cpu": {"deadline_s": 0}}}, r"pools\.cpu\.deadline_s: "),
        ({"workflows": {"demo": {"pools": {"train": "none"}}}}, r"workflows\.demo\.pools names 'none': known are cpu"),
        ({"parallelism": "many"}, r"cluster\.toml: parallelism: input should be a valid integer, got 'many'"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(changes, said):
    with pytest.raises(ConfigError, match=said):
        cluster(**changes)


@pytest.mark.parametrize("key", ["registry", "tag", "root", "pools"])
def test_what_has_no_default_is_asked_for(key):
    with pytest.raises(ConfigError, match=rf"cluster\.toml: {key}: missing"):
        make_cluster({name: value for name, value in VALUES.items() if name != key}, "cluster.toml")


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"cluster\.toml: no such file"):
        load_cluster(tmp_path / "cluster.toml")


@pytest.mark.parametrize(("quantity", "amount"), [("2Gi", 2 * 2**30), ("500m", 0.5), ("3", 3), ("1.5G", 1.5e9)])
def test_a_quantity_is_what_kubernetes_takes_it_for(quantity, amount):
    assert size(quantity) == amount


def test_twice_the_memory_is_tried_where_the_file_says_nothing():
    assert size(cluster(pools={"cpu": {"memory": "1500Mi"}}).pools["cpu"].more_memory) == 3000 * 2**20


def test_overrides_of_a_cluster_reach_the_nodes_there_are_and_those_of_a_workflow_win():
    there = cluster(set={"count.count": 1, "copy.count": 2, "nobody.home": 3}, workflows={"mine": {"set": {"count.count": 9}}})
    workflow = make_workflow(TOY, "toy.toml", __import__("pathlib").Path("/"))
    pipeline = build_pipeline(workflow, {})
    mine = build_pipeline(on_cluster(workflow, pipeline, there, "mine"), {})
    other = build_pipeline(on_cluster(workflow, pipeline, there, "other"), {})
    assert [node.config.count for node in mine.nodes][:2] == [9, 2]
    assert [node.config.count for node in other.nodes][:2] == [1, 2]


@pytest.mark.parametrize(("file", "name"), [("workflows/nemotron_math.toml", "nemotron-math"), ("demo.toml", "demo")])
def test_a_template_is_named_after_its_file(tmp_path, file, name):
    assert template_name(tmp_path / file) == name


def test_a_file_whose_name_cannot_name_an_object_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"My File\.toml: its name becomes that of a Kubernetes object"):
        template_name(tmp_path / "My File.toml")


def test_a_config_may_need_another_image_than_its_step():
    images = {
        engine: cluster().image(Node("evaluate", EVALUATE, EVALUATE.config(engine=engine), {"problems": "p.jsonl"}))
        for engine in ("transformers", "vllm", "endpoint")
    }
    assert {engine: image.rpartition("/")[2] for engine, image in images.items()} == {
        "transformers": "train:0.1.0", "vllm": "teacher:0.1.0", "endpoint": "data:0.1.0"
    }  # fmt: skip
