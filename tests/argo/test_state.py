import base64
import gzip
import json

import pytest
from tests.argo.workflows import DONE, SPEC, attempts, workflow

from nemoflow.argo.state import hopeless, read_state, why_pending


def phases(state):
    return {row.step: row.phase for row in state.rows}


def test_a_step_is_as_far_as_its_shards_are():
    state = read_state(
        workflow("Running", attempts("count", DONE), attempts("copy", DONE, shard="-0"), attempts("copy", ("Running", "", ""), shard="-1"))
    )
    assert phases(state) == {"count": "done", "copy": "running", "page": "waiting", "close": "waiting"}
    row = {row.step: row for row in state.rows}["copy"]
    assert (row.done, row.shards, row.pool) == (1, 2, "cpu")
    assert state.exit_code is None


def test_a_run_that_succeeded_ends_with_0():
    assert read_state(workflow("Succeeded", attempts("count", DONE))).exit_code == 0


@pytest.mark.parametrize("code", ["1", "2", "75", "137"])
def test_a_run_ends_with_the_exit_code_of_the_last_attempt_of_what_broke_it(code):
    made = workflow("Failed", attempts("count", ("Failed", "75", "busy"), ("Failed", code, f"main: Error (exit code {code})")))
    state = read_state(made)
    assert state.exit_code == int(code)
    assert state.rows[0].why == f"main: Error (exit code {code})"
    assert state.rows[0].attempts == 2


def test_an_attempt_that_was_made_good_does_not_decide():
    made = workflow("Failed", attempts("count", ("Failed", "75", ""), DONE), attempts("page", ("Failed", "2", "bad")))
    assert read_state(made).exit_code == 2


def test_lost_pods_stops_and_deadlines_are_worth_another_try_and_a_template_that_argo_refuses_is_not():
    assert read_state(workflow("Error", attempts("count", ("Error", "", "pod deleted")))).exit_code == 75
    assert read_state(workflow("Failed", attempts("count", ("Failed", "143", "main: Error (exit code 143)")))).exit_code == 75
    assert read_state(workflow("Failed", shutdown="Stop")).exit_code == 75
    assert read_state(workflow("Failed", message="Max duration limit exceeded: deadline")).exit_code == 75
    assert read_state(workflow("Failed", message="invalid spec: templates.count")).exit_code == 2
    assert read_state(workflow("Error", message="?")).exit_code == 1


@pytest.mark.parametrize(
    "said",
    [
        'Usage of EmptyDir volume "tmp" exceeds the limit "8Gi". ',
        "Pod ephemeral local storage usage exceeds the total limit of containers 8Gi.",
        "pods \"one-count-1\" is forbidden: ValidatingAdmissionPolicy 'x' denied request: image y: does not come from an allowed registry",
    ],
)
@pytest.mark.parametrize("code", ["", "137", "75"])
def test_a_pod_that_its_own_settings_end_is_bad_input_whatever_its_exit_code(said, code):
    assert read_state(workflow("Failed", attempts("count", ("Failed", code, said)))).exit_code == 2


def test_nothing_is_at_work_any_more_in_a_run_that_was_stopped():
    made = workflow("Failed", attempts("count", ("Failed", "75", "was stopped")), shutdown="Stop")
    made["status"]["nodes"]["count"]["phase"] = "Running"
    assert phases(read_state(made))["count"] == "failed"


def test_the_nodes_of_a_large_workflow_are_read_from_their_compressed_form():
    made = workflow("Running", attempts("count", DONE))
    plain = read_state(made)
    nodes = made["status"].pop("nodes")
    made["status"]["compressedNodes"] = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    assert read_state(made) == plain


def pod(step, **status):
    return {"metadata": {"name": f"one-{step}", "labels": {"nemoflow/step": step}}, "status": {"phase": "Pending", **status}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}
NO_IMAGE = {
    "name": "main",
    "image": "r/nemoflow/data:9",
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling"}},
}


def test_a_pending_step_says_what_its_pod_waits_for():
    made = workflow("Running", attempts("count", ("Pending", "", "")))
    assert read_state(made, [pod("count", conditions=[UNSCHEDULABLE])]).rows[0].why == "0/1 nodes are available: 1 Insufficient cpu."
    assert read_state(made, [pod("page", conditions=[UNSCHEDULABLE])]).rows[0].why == ""
    assert why_pending(pod("count", containerStatuses=[NO_IMAGE])) == "ImagePullBackOff: Back-off pulling"
    assert why_pending({"metadata": {}, "status": {"phase": "Running"}}) == ""


def test_an_image_that_is_not_there_is_hopeless_and_a_full_cluster_is_not():
    assert hopeless([pod("count", containerStatuses=[NO_IMAGE])]) == ["r/nemoflow/data:9: ImagePullBackOff: Back-off pulling"]
    assert hopeless([pod("count", conditions=[UNSCHEDULABLE])]) == []


def test_a_workflow_has_the_same_rows_whether_it_holds_its_steps_or_was_started_from_a_template():
    by_name = workflow("Running", attempts("close", DONE))
    whole = workflow("Running", attempts("close", DONE), **SPEC)
    del whole["status"]["storedWorkflowTemplateSpec"]
    assert len(read_state(by_name).rows) > 1
    assert read_state(whole) == read_state(by_name)


def test_the_exit_handler_has_a_row_of_its_own_once_it_begins():
    again = {key.replace("close", "exit"): {**node, "name": "one-abcde.onExit"} for key, node in attempts("close", DONE).items()}
    again["exit"]["children"] = ["exit-0"]
    made = workflow("Running", attempts("close", DONE))
    made["status"]["storedWorkflowTemplateSpec"] = {**SPEC, "onExit": "close"}
    assert "close (exit)" not in phases(read_state(made))
    made["status"]["nodes"] |= again
    state = read_state(made)
    assert (phases(state)["close"], phases(state)["close (exit)"]) == ("done", "done")
    assert {row.step: row.attempts for row in state.rows}["close"] == 1


def test_a_step_that_gave_up_ends_the_run_with_try_again():
    made = workflow("Failed", attempts("count", ("Failed", "75", "busy"), ("Failed", "69", "given up")))
    assert read_state(made).exit_code == 75


def test_a_pod_that_waits_for_quota_says_so_and_in_what_words_where_they_are_known():
    made = workflow("Running", attempts("count", ("Pending", "", "")))
    gated = pod("count", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "gates"}])
    assert read_state(made, [gated]).rows[0].why == "waiting for quota"
    assert read_state(made, [gated], waits={"one-count": "place 1 of 2"}).rows[0].why == "place 1 of 2"
