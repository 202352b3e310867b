"""A base model in 4 bits, its routed experts too: bitsandbytes quantises Linear modules only, and experts are stacked parameters.

Each parameter is read, quantised and dropped before the next is read, so the base never stands in full precision: at most one projection of
one layer does, twice while transformers stacks its experts.
"""

from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import QuantState, get_4bit_type, quantize_4bit, quantize_blockwise
from bitsandbytes.nn import Params4bit
from torch import Tensor
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.integrations.bitsandbytes import Bnb4bitQuantize
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer
from transformers.quantizers.quantizers_utils import get_module_from_name
from transformers.utils.quantization_config import QuantizationMethod

from nemoflow.models.experts import IMPLEMENTATION, forward_experts, is_plain
from nemoflow.training.resolution import UNQUANTISED

METHOD = "nemoflow_nf4"
BLOCK, NESTED_BLOCK = 64, 256
"""Weights that share a largest magnitude, and such magnitudes that share one of their own: bitsandbytes' sizes."""
PROJECTIONS = ("gate_up_proj", "up_proj", "down_proj")

ALL_EXPERTS_FUNCTIONS.register(IMPLEMENTATION, forward_experts)


@register_quantization_config(METHOD)
class Nf4Config(BitsAndBytesConfig):  # type: ignore[misc]
    """bitsandbytes' NF4 with double quantisation, for Linear modules and routed experts."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=sorted(UNQUANTISED),
        )
        self.quant_method = METHOD


@register_quantizer(METHOD)
class Nf4Quantizer(Bnb4BitHfQuantizer):  # type: ignore[misc]
    """bitsandbytes' quantizer, which is also asked for the stacked parameters of routed experts."""

    def param_needs_quantization(self, model: Any, param_name: str, **kwargs: Any) -> bool:
        """Whether a parameter that is about to be read goes into 4 bits."""
        return stacked_shape(model, param_name) is not None or bool(super().param_needs_quantization(model, param_name, **kwargs))

    def _process_model_before_weight_loading(self, model: Any, device_map: Any, **kwargs: Any) -> None:
        if set((device_map or {}).values()) == {"cpu"}:
            self.quantization_config.llm_int8_skip_modules = [*sorted(UNQUANTISED), *wrong_on_cpu(model)]
        super()._process_model_before_weight_loading(model, device_map, **kwargs)

    def get_quantize_ops(self) -> "_Quantise":
        """What transformers calls with each parameter that it has read."""
        return _Quantise(self)

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        model = super()._process_model_after_weight_loading(model, **kwargs)
        model.quantization_method = QuantizationMethod.BITS_AND_BYTES  # to the trainer and to PEFT it is what bitsandbytes made
        if any(can_quantise(module) for module in model.modules()):
            model.set_experts_implementation(IMPLEMENTATION)
        return model


class _Quantise(Bnb4bitQuantize):  # type: ignore[misc]
    def convert(
        self, input_dict: dict[str, Any], full_layer_name: str | None = None, model: Any = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        stacked = {name: value for name, value in input_dict.items() if stacked_shape(model, name) is not None}
        others = {name: value for name, value in input_dict.items() if name not in stacked}
        done = {name: quantise_stacked(value[0] if isinstance(value, list) else value) for name, value in stacked.items()}
        done.update(super().convert(others, full_layer_name=full_layer_name, model=model, **kwargs))
        return done


def load_quantised(base: Path, dtype: torch.dtype, device: str) -> Any:
    """A causal language model with Linear modules and routed experts in NF4; `dtype` is that of its arithmetic and of the rest."""
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype, device_map={"": device}, quantization_config=Nf4Config(dtype))


def wrong_on_cpu(model: Any) -> list[str]:
    """Linear modules that bitsandbytes 0.50 turns back wrongly on a CPU, where it takes a row for whole blocks: left alone there."""
    return [path for path, module in model.named_modules() if isinstance(module, torch.nn.Linear) and module.in_features % BLOCK]


def can_quantise(module: Any) -> bool:
    """Whether it holds plain routed experts whose blocks of 64 weights end where an expert ends."""
    return is_plain(module) and all(_is_whole(getattr(module, name)) for name in PROJECTIONS if hasattr(module, name))


def _is_whole(weight: Any) -> bool:
    shape = weight.quant_state.shape if isinstance(weight, Params4bit) else weight.shape
    return len(shape) == 3 and (shape[1] * shape[2]) % BLOCK == 0


def stacked_shape(model: Any, name: str) -> torch.Size | None:
    """Shape of a parameter of routed experts that goes into 4 bits; None for all others."""
    module, last = get_module_from_name(model, name)
    return getattr(module, last).shape if last in PROJECTIONS and can_quantise(module) else None


def quantise_stacked(weight: Tensor) -> Params4bit:
    """Stacked experts (experts, outputs, inputs) as one NF4 parameter, quantised an expert at a time: what is needed beside is small."""
    count = len(weight)
    packed = weight.new_empty((count, weight[0].numel() // 2), dtype=torch.uint8)
    largest = weight.new_empty((count, weight[0].numel() // BLOCK), dtype=torch.float32)
    for expert in range(count):
        codes, state = quantize_4bit(weight[expert].contiguous(), blocksize=BLOCK, quant_type="nf4")
        packed[expert], largest[expert] = codes.view(-1), state.absmax
    offset = largest.mean()
    statistics, nested = quantize_blockwise(largest.view(-1) - offset, blocksize=NESTED_BLOCK)
    state = QuantState(
        absmax=statistics,
        shape=weight.shape,
        dtype=weight.dtype,
        blocksize=BLOCK,
        code=get_4bit_type("nf4", device=weight.device),
        quant_type="nf4",
        offset=offset,
        state2=nested,
    )
    return Params4bit(packed.view(-1, 1), quant_state=state, quant_type="nf4", bnb_quantized=True)
