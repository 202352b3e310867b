"""What vLLM says with and without an adapter. Run by the Python of vLLM's environment, which need not have nemoflow: standard library only.

`python in_vllm.py ASKED.json ANSWER.json`; the answer holds, for `base` and `adapter`,
what may follow each prompt as {token: log-probability}.
"""

import json
import sys
from pathlib import Path
from typing import Any

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as max_lora_rank."""


def main() -> None:
    """Load the base model once and answer twice."""
    asked, answer = Path(sys.argv[1]), Path(sys.argv[2])
    answer.write_text(json.dumps(_speak(json.loads(asked.read_text()))))


def _speak(asked: dict[str, Any]) -> dict[str, Any]:
    import vllm  # type: ignore[import-not-found, unused-ignore]
    from vllm.lora.request import LoRARequest  # type: ignore[import-not-found, unused-ignore]

    rank = min(size for size in RANKS if size >= asked["max_rank"])
    model = vllm.LLM(
        model=asked["base"],
        enable_lora=True,
        max_lora_rank=rank,
        dtype=asked["dtype"],
        max_model_len=asked["length"] + 8,
        max_num_seqs=8,
        skip_tokenizer_init=True,
        enforce_eager=True,
        enable_prefix_caching=False,
    )
    prompts = [{"prompt_token_ids": tokens} for tokens in asked["prompts"]]
    how = vllm.SamplingParams(max_tokens=1, temperature=0.0, logprobs=asked["top"], detokenize=False)
    said = {"vllm": vllm.__version__, "base": _answers(model.generate(prompts, how, use_tqdm=False))}
    try:
        adapter = LoRARequest("adapter", 1, asked["adapter"])
        return {**said, "adapter": _answers(model.generate(prompts, how, lora_request=adapter, use_tqdm=False))}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return {**said, "error": f"{type(error).__name__}: {error}"}


def _answers(outputs: Any) -> list[dict[str, float]]:
    """Of each prompt's next token; vLLM's adapted output head does not give those of the prompt itself."""
    return [{str(token): value.logprob for token, value in output.outputs[0].logprobs[0].items()} for output in outputs]


if __name__ == "__main__":
    main()
