"""What a training run takes, before it runs: GiB on one GPU, and seconds; from shapes alone. An estimate, and each part says from what.

Memory of a LoRA run: the base's weights; the adapter with its gradients and AdamW's two moments, all fp32 (16 bytes a parameter); what
the backward pass needs of one micro batch; the loss; CUDA itself. Time: the products' FLOPs at a share of the GPU's peak.
Mamba layers are counted as with mamba_ssm's kernels; transformers' own path in their absence takes several times as much of both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from nemoflow.errors import ConfigError
from nemoflow.models.families import FAMILIES
from nemoflow.models.modules import Stack
from nemoflow.training.gpus import GPUS, Gpu
from nemoflow.training.resolution import Resolution, is_quantised

GIB = 2**30
NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""A parameter in NF4 with double quantisation: 4 bits, an 8-bit scale for 64 of them, a 32-bit one for 256 scales."""
ADAPTER_BYTES = 16
"""A parameter of the adapter in fp32: itself, its gradient, AdamW's two moments."""
TILE = 4096 * 8192 * 6
"""Bytes of the tile of logits that TRL 1.16's loss holds in place of all logits."""
CUDA_GIB = 1.2
"""Context, kernels' code and cuBLAS' work space; of the order that a first product takes on an H100."""
SHOWN_GIB = 0.05
"""Smaller parts are not named."""
USABLE = 0.95
"""Share of a GPU's memory that fits in practice: the allocator's pieces do not fill it."""
SHARE_EXPERTS, SHARE_DENSE = 0.08, 0.3
"""Share of the peak that training reaches. Experts: two contest teams' runs of Nemotron-3-Nano, 890 M tokens in 119 h on an RTX PRO 6000
(8 % by the FLOPs counted here) and 159 M in 11 h on four A100 (6 %). Dense: a common figure of LoRA on 8 B models."""
SHORTER = (32_768, 16_384, 12_288, 8192, 6144, 4096, 3072, 2048, 1024, 512)


@dataclass(frozen=True)
class Setting:
    """What of a recipe decides memory and time."""

    length: int
    """Tokens of the longest row."""
    rows: int = 1
    """Rows held at once."""
    batch_tokens: int = 0
    """Tokens held at once in place of `rows`, where not 0."""
    accumulation: int = 1
    """Micro batches to a step."""
    precision: Literal["bf16", "fp32"] = "bf16"
    quantization: Literal["nf4", "none"] = "nf4"
    checkpointing: bool = True
    """Activations are recomputed on the way back."""
    dropout: float = 0.0
    processes: int = 1
    """GPUs that train together; memory is that of one of them."""
    sharding: Literal["none", "base"] = "none"
    """`base`: each of them holds its share of the base."""

    @property
    def tokens(self) -> int:
        """Tokens held at once, padding included."""
        return max(self.length, self.batch_tokens) if self.batch_tokens else self.length * self.rows

    @property
    def width(self) -> int:
        """Bytes of a number in the base's arithmetic."""
        return 2 if self.precision == "bf16" else 4


@dataclass(frozen=True)
class Plan:
    """Memory by part in GiB, and the arithmetic of a step."""

    resolution: Resolution
    setting: Setting

    @cached_property
    def weights(self) -> float:
        """The base's, or a GPU's share of it."""
        held = self.resolution.quantisable if self.setting.quantization == "nf4" else 0
        whole = (held * NF4_BYTES + (self.resolution.modules.parameters - held) * self.setting.width) / GIB
        return whole / self.setting.processes if self.setting.sharding == "base" else whole

    @cached_property
    def gathered(self) -> float:
        """Of a base in shares what is whole for a moment: the layer at work and the next one, and all that is in no layer."""
        if self.setting.sharding != "base":
            return 0.0
        layers: dict[int, int] = {}
        for part in (*self.resolution.modules.linears, *self.resolution.modules.stacks):
            layers[part.layer or 0] = layers.get(part.layer or 0, 0) + part.parameters
        beside = self.resolution.modules.parameters - sum(layers.values())
        return (2 * max(layers.values(), default=0) + beside) * self.setting.width / GIB

    @cached_property
    def adapter(self) -> float:
        """Its weights and gradients."""
        return self.resolution.trained * ADAPTER_BYTES / 2 / GIB

    @property
    def optimizer(self) -> float:
        """AdamW's moments."""
        return self.adapter

    @cached_property
    def activations(self) -> float:
        """What the backward pass is kept for: all layers' activations; with checkpointing the layers' inputs and the largest layer's."""
        sizes = self.layer_bytes()
        width = self.resolution.modules.hidden * self.setting.width
        largest = max(sizes.values(), default=0)  # once more, for the gradients on their way back through it
        kept = len(sizes) * width + largest * 2 if self.setting.checkpointing else sum(sizes.values()) + largest
        return self.setting.tokens * kept / GIB

    @cached_property
    def loss(self) -> float:
        """Tiles of logits, the last hidden states and their gradient in fp32."""
        return (self.setting.tokens * self.resolution.modules.hidden * (self.setting.width + 4) + TILE) / GIB

    @property
    def total(self) -> float:
        """All of it, CUDA included."""
        return self.least + self.activations + self.loss

    @property
    def least(self) -> float:
        """Without what a shorter batch would save."""
        return self.weights + self.gathered + self.adapter + self.optimizer + self.unpacked + CUDA_GIB

    @cached_property
    def active(self) -> int:
        """Parameters that a token meets in matrices, the head included; of routed experts those it is sent to."""
        modules = self.resolution.modules
        routed = sum(stack.parameters // stack.experts * min(modules.experts_per_token, stack.experts) for stack in modules.stacks)
        return sum(linear.parameters for linear in modules.linears) + routed + (modules.head.parameters if modules.head else 0)

    @cached_property
    def flops(self) -> float:
        """Of a token, forth and back: a frozen base's products take 2 + 2 a parameter, 2 more where recomputed; attention's come on top."""
        passes = 6 if self.setting.checkpointing else 4
        attention = sum(2 * self.setting.length * linear.outputs for linear in self.resolution.modules.linears if linear.last == "q_proj")
        return passes * self.active + attention * (4.5 if self.setting.checkpointing else 3.5) + 6 * self.resolution.trained

    @property
    def share(self) -> float:
        """Share of the peak that is counted on."""
        return SHARE_EXPERTS if self.resolution.modules.stacks else SHARE_DENSE

    def tokens_per_second(self, gpu: Gpu) -> float:
        """Of all GPUs together, where the stated share of the peak is reached; what they send each other is not counted."""
        return self.setting.processes * gpu.tflops * 1e12 * self.share / self.flops

    def step_seconds(self, gpu: Gpu) -> float:
        """Of one step of the optimizer."""
        return self.setting.accumulation * self.setting.tokens / self.tokens_per_second(gpu)

    def fits(self, gpu: Gpu) -> bool:
        """Whether all of it goes into the GPU's usable memory."""
        return self.total <= gpu.memory_gib * USABLE

    def parts(self) -> dict[str, float]:
        """GiB by part."""
        return {
            "weights": self.weights,
            "layers gathered": self.gathered,
            "adapter and gradients": self.adapter,
            "optimizer": self.optimizer,
            "activations": self.activations,
            "loss": self.loss,
            "matrix unpacked": self.unpacked,
            "CUDA": CUDA_GIB,
        }

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "setting": asdict(self.setting),
            "gib": self.parts() | {"total": self.total},
            "active_parameters": self.active,
            "flops_per_token": self.flops,
            "share_of_peak": self.share,
        }

    @property
    def unpacked(self) -> float:
        """The largest matrix that is turned back from 4 bits for a product; of routed experts all of one name in a layer."""
        if self.setting.quantization != "nf4":
            return 0.0
        modules = self.resolution.modules
        parts = (*modules.linears, *modules.stacks)
        return max((part.parameters for part in parts if is_quantised(part)), default=0) * self.setting.width / GIB

    def layer_bytes(self) -> dict[int, float]:
        """Bytes a token that each layer keeps for its backward pass.

        A frozen matrix keeps nothing itself; what follows it (a product of two, attention) keeps 1.25 times its outputs, an adapted one
        also its input, and dropout's mask. The norm before each block keeps the stream in fp32; where attention makes its map, the map is
        kept (gpt_oss). The factors were fitted to what torch keeps (tests/training/test_plan.py).
        """
        modules, width = self.resolution.modules, self.setting.width
        family = FAMILIES.get(modules.model_type)
        maps = (family.map_bytes if family else 0) * modules.heads * self.setting.length
        adapted = {linear.name for linear in self.resolution.matched}
        copy = width + (1 if self.setting.dropout else 0)
        sizes: dict[int, float] = {}
        for layer, _ in {(part.layer or 0, part.kind.partition(".")[0]) for part in (*modules.linears, *modules.stacks)}:
            sizes[layer] = sizes.get(layer, 0.0) + 4 * modules.hidden
        for linear in modules.linears:
            if linear.last == "q_proj":
                sizes[linear.layer or 0] += maps
        for part in (*modules.linears, *modules.stacks):
            times = min(modules.experts_per_token, part.experts) if isinstance(part, Stack) else 1
            sizes[part.layer or 0] += times * (1.25 * part.outputs * width + (part.inputs * copy if part.name in adapted else 0))
        return sizes


@dataclass(frozen=True)
class Remedy:
    """A change with which it fits."""

    says: str
    plan: Plan


def remedies(plan: Plan, gpu: Gpu) -> list[Remedy]:
    """What would fit this GPU: each change alone that is enough, else all that save memory together and the longest row then."""
    alone = [remedy for change in _changes(plan.setting) if (remedy := _changed(plan, (change,))).plan.fits(gpu)]
    alone += _in_shares(plan, gpu)
    shorter = _longest_that_fits(plan, (), gpu)
    if alone or shorter:
        return [*alone, *([shorter] if shorter else [])]
    together = tuple(_changes(plan.setting))
    both = _changed(plan, together)
    longest = both if both.plan.fits(gpu) else _longest_that_fits(plan, together, gpu)
    return [longest] if longest else []


def classes_that_fit(plan: Plan) -> list[Gpu]:
    """Known classes on which the plan fits as it is, the smallest first."""
    return [gpu for gpu in reversed(list(GPUS.values())) if plan.fits(gpu) and _computes(plan, gpu)]


def need_fit(plan: Plan, gpu: Gpu) -> None:
    """ConfigError with what would fit, where the plan does not."""
    if not _computes(plan, gpu):
        raise ConfigError(
            f"train.precision: 'bf16' on {gpu.name}, which has no bf16 arithmetic; 'fp32' is right, or another class: a10g, l4, l40s"
        )
    if plan.fits(gpu):
        return
    parts = ", ".join(f"{name} {gib:.1f}" for name, gib in plan.parts().items() if gib >= SHOWN_GIB)
    found = [f"{remedy.says} ({remedy.plan.total:.1f} GiB)" for remedy in remedies(plan, gpu)]
    others = [other.name for other in classes_that_fit(plan)]
    would = (
        "; ".join([*found, *([f"as it is on {', '.join(others)}"] if others else [])])
        or "no setting of one known GPU; take a smaller model"
    )
    raise ConfigError(
        f"train: needs about {plan.total:.1f} GiB ({parts}), {gpu.name} has {gpu.memory_gib:.1f}, of which {USABLE:.0%} can be used; "
        f"what would fit: {would}"
    )


def _changes(setting: Setting) -> Iterator[tuple[str, dict[str, Any]]]:
    """Changes that save memory and keep every row, the cheapest first."""
    if not setting.checkpointing:
        yield "train.activation_checkpointing true", {"checkpointing": True}
    if setting.tokens > setting.length:
        yield "one row at a time (train.micro_batch 1, more train.accumulation)", {"rows": 1, "batch_tokens": 0}
    if setting.quantization != "nf4":
        yield "train.quantization nf4", {"quantization": "nf4"}


def _in_shares(plan: Plan, gpu: Gpu) -> list[Remedy]:
    """The fewest GPUs that hold a base in full precision together."""
    setting = plan.setting
    if setting.quantization != "none":
        return []
    counts = (count for count in range(max(2, setting.processes), setting.accumulation + 1) if setting.accumulation % count == 0)
    tried = (
        _changed(plan, ((f"{count} such GPUs (train.processes {count}, train.sharding base)", {"processes": count, "sharding": "base"}),))
        for count in counts
    )
    found = next((remedy for remedy in tried if remedy.plan.fits(gpu)), None)
    return [found] if found else []


def _changed(plan: Plan, changes: Sequence[tuple[str, dict[str, Any]]]) -> Remedy:
    fields = {name: value for _, change in changes for name, value in change.items()}
    return Remedy(", ".join(says for says, _ in changes), replace(plan, setting=replace(plan.setting, **fields)))


def _longest_that_fits(plan: Plan, changes: Sequence[tuple[str, dict[str, Any]]], gpu: Gpu) -> Remedy | None:
    """With these changes and shorter rows; longer ones are then dropped whole."""
    lengths = (length for length in SHORTER if length < plan.setting.length)
    tried = (_changed(plan, (*changes, (f"train.max_length {length}", {"length": length}))) for length in lengths)
    return next((remedy for remedy in tried if remedy.plan.fits(gpu)), None)


def _computes(plan: Plan, gpu: Gpu) -> bool:
    return gpu.has_bf16 or plan.setting.precision != "bf16"
