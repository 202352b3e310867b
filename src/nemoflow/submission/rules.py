"""Every rule of `doctor adapter`: what is looked for, how bad it is, why it matters, what repairs it.

Two readers were read for them: vLLM 0.17.1, which the contest is reported to run, and 0.32.0, which `--load` was tried with
(`vllm/lora`: peft_helper, lora_model, utils, lora_weights, model_manager, layers); and PEFT 0.21, which writes adapters.

`refused`: vLLM or PEFT ends with an error, or loads the adapter as another one without a word. `risk`: it loads, and may score less than it
could, or nobody is known to have tried it. `note`: good to know.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["refused", "risk", "note"]
SEVERITIES: tuple[Severity, ...] = ("refused", "risk", "note")
"""The worst first."""


@dataclass(frozen=True)
class Rule:
    """What one rule says."""

    severity: Severity
    why: str
    repair: str
    is_fixed: bool = False
    """`--fix` repairs it, at least where the numbers allow it."""


@dataclass(frozen=True)
class Finding:
    """Where an adapter meets a rule."""

    rule: str
    severity: Severity
    subjects: tuple[str, ...]
    """Tensors, fields or files, at least one."""
    value: str
    """What stands there, at the first of them."""
    why: str
    repair: str

    @property
    def text(self) -> str:
        """In one line."""
        more = f" and {len(self.subjects) - 1:,} more" if len(self.subjects) > 1 else ""
        return f"{self.subjects[0]}{more}: {self.value} ({self.rule}): {self.why}; {self.repair}"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "subject": self.subjects[0],
            "subjects": list(self.subjects),
            "value": self.value,
            "why": self.why,
            "repair": self.repair,
        }


def found(rule: str, subjects: str | Iterable[str], value: str, severity: Severity | None = None) -> Finding:
    """A finding with the rule's own words."""
    names = (subjects,) if isinstance(subjects, str) else tuple(subjects)
    names = tuple(map(_printable, names))
    known = RULES[rule]
    return Finding(rule, severity or known.severity, names, _printable(value), known.why, known.repair)


def _printable(text: str) -> str:
    """Names come from anywhere; one may hold a terminal's commands, or what no encoding can write."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


_RETRAIN = "train again without it"
_ASIDE = "vLLM 0.17 does not know the field: the adapter would load and compute something else"

RULES: Mapping[str, Rule] = {
    # Files.
    "no-config": Rule("refused", "without it nobody knows that this is an adapter", "put adapter_config.json beside the weights"),
    "config-json": Rule("refused", "vLLM reads it as UTF-8 JSON without a byte-order mark", "save it again as plain UTF-8 JSON"),
    "no-weights": Rule("refused", "vLLM looks for adapter_model.safetensors", "save the adapter with PEFT's save_pretrained"),
    "pickle": Rule(
        "refused",
        "opening a pickle can run code, so it is not opened here",
        "load it where you trust it and save it again with safe_serialization=True",
    ),
    "pickle-aside": Rule("note", "vLLM takes the safetensors and passes over the pickle", "leave it out", is_fixed=True),
    "sharded": Rule("refused", "vLLM reads one adapter_model.safetensors and no shards", "put them into one file", is_fixed=True),
    "nested": Rule(
        "risk", "the scorer searches for adapter_config.json, so it is found; other tools want it at the top", "unnest", is_fixed=True
    ),
    "many-adapters": Rule(
        "refused", "the scorer takes the first adapter_config.json that it meets, which may be another one", "keep one adapter"
    ),
    "more-adapters": Rule(
        "risk", "if this folder is zipped whole, the scorer may take another of its adapters", "zip the two files alone", is_fixed=True
    ),
    "inner-zip": Rule("risk", "a zip within may break or misdirect the scorer", "leave it out", is_fixed=True),
    "extra-files": Rule("note", "the scorer does not read them", "leave them out", is_fixed=True),
    "zip-path": Rule("refused", "an entry that leaves the folder it is unpacked into", "zip it again from inside the folder"),
    "zip-link": Rule("refused", "a link or device, not a file", "zip the files themselves"),
    "zip-encrypted": Rule("refused", "the scorer has no password", "zip it without one"),
    "zip-bomb": Rule("refused", "it unpacks to far more than an adapter can be", "zip the two files alone"),
    "zip-broken": Rule("refused", "it cannot be unpacked whole", "zip and upload it again"),
    "zip-twice": Rule("refused", "one entry would overwrite the other", "zip it again from a fresh folder"),
    "no-file": Rule("refused", "it is no regular file", "put a file there"),
    "size": Rule(
        "risk",
        "one competitor gives 1.5 GB as the upload limit; 1.37 GB was accepted, 3.0 GiB was not",
        "save the weights as BF16, adapt fewer modules",
    ),
    "header": Rule("refused", "safetensors would not open it", "save or download it again"),
    "no-tensors": Rule("refused", "nothing was trained or saved", "save the adapter, not the base model under it"),
    # adapter_config.json.
    "field-missing": Rule("refused", "vLLM requires r, lora_alpha and target_modules", "write the value that it was trained with"),
    "field-twice": Rule("risk", "readers take the last value", "keep one", is_fixed=True),
    "field-unknown": Rule("note", "neither PEFT 0.21 nor vLLM knows it; both pass over it", "none needed", is_fixed=True),
    "rank": Rule(
        "refused",
        "vLLM is started with a largest rank and refuses more; 0 and less divide by zero or turn the sign",
        "train again with a rank that fits",
    ),
    "alpha": Rule(
        "refused",
        "the adapter is multiplied by alpha / r, so it would end with an error, vanish or turn its sign",
        "write the value that it was trained with",
    ),
    "targets": Rule(
        "refused",
        "PEFT does not load an adapter without names to adapt: in a list the ends of modules' names, in a string one regular expression"
        " for whole names",
        "list the modules' names",
        is_fixed=True,
    ),
    "target-pattern": Rule(
        "risk",
        "it loads, as the official demo's does; one competitor's same weights scored 0.02 higher with a list",
        "list the modules' names",
        is_fixed=True,
    ),
    "target-idle": Rule(
        "risk", "PEFT skips a name that the model lacks without a word: is all trained that should be?", "drop the name", is_fixed=True
    ),
    "modules-to-save": Rule("refused", "vLLM loads no fully trained modules", "train LoRA on them instead; lm_head takes it"),
    "dora": Rule("refused", "vLLM's reader refuses DoRA, and it is no product of two matrices", "train plain LoRA"),
    "bias": Rule("refused", "vLLM loads no trained biases, and without them the adapter is another one", "train with bias='none'"),
    "peft-type": Rule("refused", "vLLM loads LoRA only", "train LoRA"),
    "peft-type-name": Rule(
        "refused", "PEFT knows it as LORA alone and ends with an error; vLLM does not read it", "write LORA", is_fixed=True
    ),
    "rslora": Rule("refused", "it decides between alpha / r and alpha / sqrt(r)", "write true or false"),
    "rslora-experts": Rule(
        "refused",
        "vLLM 0.17 scales routed experts by alpha / r though the rest by alpha / sqrt(r)",
        "turn use_rslora off and write lora_alpha * sqrt(r) as lora_alpha",
        is_fixed=True,
    ),
    "rank-pattern": Rule(
        "refused", "vLLM 0.17 ignores it and scales these modules by the common rank", "pad with zeros to one rank", is_fixed=True
    ),
    "alpha-pattern": Rule(
        "refused", "vLLM 0.17 ignores it and scales these modules by the common alpha", "fold the scale into lora_B", is_fixed=True
    ),
    "pattern": Rule(
        "refused",
        "PEFT ends with an error: it takes a table from names of modules, or regular expressions for them, to numbers",
        "correct it, or drop it where every module has the common rank and alpha",
    ),
    "pattern-idle": Rule("note", "every module has the common scale, so that vLLM may ignore the pattern", "drop it", is_fixed=True),
    "residual-init": Rule(
        "refused",
        "this start changed the base model's own weights; on the unchanged ones the adapter is another one",
        "convert it with PEFT's path_initial_model_for_weight_conversion",
    ),
    "target-parameters": Rule(
        "risk", "it names stacked experts, yet the file holds none; PEFT would want them", "drop the field", is_fixed=True
    ),
    "lora-bias": Rule("refused", f"{_ASIDE}, without the biases", _RETRAIN),
    "trained-tokens": Rule("refused", f"{_ASIDE}, without the trained tokens", _RETRAIN),
    "layer-replication": Rule("refused", f"{_ASIDE}, on the base model's own layers", _RETRAIN),
    "activated": Rule("refused", f"{_ASIDE}: it would act from the first token on, not from the invocation", _RETRAIN),
    "other-lora": Rule("refused", f"{_ASIDE}: this kind of LoRA is more than B A", "train plain LoRA"),
    "fan-in-fan-out": Rule("refused", "it is for transposed Conv1D weights, which this base has none of", "write false", is_fixed=True),
    "base-path": Rule("risk", "a path of one machine; vLLM does not read it, but it is published", "write the hub's name"),
    "task-type": Rule("risk", "vLLM does not read it; the contest's model is a CAUSAL_LM", "train with task_type CAUSAL_LM"),
    # Tensors' names.
    "prefix": Rule(
        "refused",
        "vLLM finds no such module and passes over it in silence, or PEFT does: it would score like the base model",
        "name it base_model.model. and the base model's own name",
        is_fixed=True,
    ),
    "key-name": Rule(
        "refused", "the reader ends with 'unsupported LoRA weight'", "name it ....lora_A.weight or ....lora_B.weight", is_fixed=True
    ),
    "same-module": Rule("refused", "two tensors for one place: one would be lost", "keep the right one"),
    "half-pair": Rule("refused", "vLLM ends with an error where lora_A or lora_B is missing", "save the adapter again"),
    "extra-tensor": Rule("refused", "the reader ends with 'unsupported LoRA weight' on anything but lora_A and lora_B", "leave it out"),
    "base-copy": Rule(
        "note", "a copy of the base model's own weights, which PEFT adds; vLLM passes over it", "leave it out", is_fixed=True
    ),
    "skipped-layer": Rule("risk", "vLLM skips the layers that predict several tokens ahead (mtp)", "leave it out", is_fixed=True),
    "magnitude": Rule("refused", "a DoRA magnitude; the reader ends with 'unsupported LoRA weight'", "train plain LoRA"),
    "bias-tensor": Rule("refused", "a bias; the reader ends with 'unsupported LoRA weight'", "train with bias='none' and lora_bias=False"),
    "embedding": Rule(
        "risk", "vLLM's reader takes LoRA on embeddings; no entry of the contest is known to have had it", "prove it with --load"
    ),
    "tied-head": Rule(
        "risk", "the base model's output head is its embedding; whether vLLM adapts it alone depends on its version", "prove it with --load"
    ),
    "fused-experts": Rule(
        "refused",
        "stacked experts end the scoring with an error, or load wrongly",
        "write one lora_A and lora_B for each expert's matrix",
        is_fixed=True,
    ),
    "stacked-experts": Rule(
        "risk", "vLLM takes this family's experts stacked; which version reads them right was not tried", "prove it with --load"
    ),
    "fused-projections": Rule(
        "refused",
        "the base model has these matrices one by one: vLLM ends with an error, and PEFT finds no such module",
        "give each its own rows of lora_B, in order, and lora_A whole",
    ),
    "foreign-names": Rule(
        "refused",
        "these are another program's names (Megatron's, Meta's or kohya's): vLLM and PEFT find no such module",
        "export it with that program's converter to Hugging Face's names",
    ),
    "router": Rule("refused", "vLLM passes over a router's adapter in silence, and PEFT refuses to train one", "train without it"),
    "unserved": Rule("refused", "the base model has this module, but vLLM adapts none such", "train without it"),
    "module-unknown": Rule(
        "refused", "vLLM looks at the last part of the name only and passes over the rest in silence", "is this the right base model?"
    ),
    "wrong-base": Rule(
        "refused", "vLLM copies what fits and says nothing: it would score at random", "hand over the base model that it was trained on"
    ),
    "family-unknown": Rule(
        "risk", "what vLLM adapts of this family is not known here; every matrix is taken for an adaptable one", "prove it with --load"
    ),
    # Tensors' shapes and numbers.
    "ungathered": Rule(
        "refused",
        "an empty or flat tensor is a shard that DeepSpeed ZeRO-3 or FSDP did not gather before saving",
        "gather the parameters, then save",
    ),
    "dimensions": Rule("refused", "vLLM takes matrices", "write one matrix for each module"),
    "shape": Rule(
        "refused",
        "vLLM copies a smaller matrix into a corner without a word and ends with an error on a larger one",
        "is this the right base model?",
    ),
    "transposed": Rule(
        "refused", "lora_A is r x inputs and lora_B outputs x r; this is the other way round", "transpose it", is_fixed=True
    ),
    "tensor-rank": Rule("refused", "PEFT refuses it, and vLLM scales it by the config's rank", "pad with zeros to one rank", is_fixed=True),
    "over-rank": Rule(
        "refused", "vLLM's buffers hold no more than the largest rank", "train again with a rank that fits, or cut it by SVD"
    ),
    "experts-missing": Rule(
        "refused", "vLLM packs all experts of a layer and asserts that each is whole", "add zeros for those that are missing", is_fixed=True
    ),
    "dtype": Rule(
        "refused", "LoRA weights are F32, BF16 or F16; these numbers would be read as something else", "save the weights as F32 or BF16"
    ),
    "dtype-wide": Rule("risk", "vLLM casts it to the model's dtype; it doubles the file", "save it as F32", is_fixed=True),
    "not-finite": Rule("refused", "NaN or infinity: training diverged", "an earlier checkpoint may be sound"),
    "dead": Rule(
        "risk", "lora_A or lora_B is all zeros, so the module does nothing: training never reached it", "see why no gradient came"
    ),
    "all-dead": Rule(
        "refused",
        "every module is all zeros: it would score exactly as the base model",
        "see why no gradient came; was the right folder saved?",
    ),
    "outlier": Rule(
        "risk",
        "its update is far larger than those of its kind, or than a model's weights: it may have diverged",
        "look at its gradient norms",
    ),
    # Only with --load.
    "load-failed": Rule("refused", "vLLM ended with an error", "see the other findings"),
    "load-same": Rule("refused", "vLLM loaded it and says what the base model says", "see the other findings"),
    "load-other": Rule("refused", "vLLM loaded it and says something else than PEFT", "see the other findings"),
    "load-proved": Rule("note", "vLLM loads it, and says the same as PEFT", "none needed"),
}
