import pytest
import torch
from tests.training.test_together import do
from torch import nn

from nemoflow.training.sharding import layers_of, only_adapters_meet, part_base

pytestmark = pytest.mark.timeout(300)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(8, 6, bias=False)
        self.experts = nn.ModuleList(nn.Linear(6, 8, bias=False) for _ in range(3))
        self.lora = nn.Linear(8, 8, bias=False)

    def forward(self, x):
        return torch.tanh(self.experts[1](self.base(x)) + self.lora(x))


def model():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(8, 8), nn.ModuleList(Layer() for _ in range(2)))
    for name, weight in made.named_parameters():
        weight.requires_grad = ".lora." in name
    return made


def forward(made, x):
    x = made[0](x)
    for layer in made[1]:
        x = layer(x)
    return x


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = model()

    def forward(self, x):
        return forward(self.parts, x)


def look(around):
    """(held of a base's weight, held of an adapter's, output, gradient of the adapter)."""
    whole = Whole()
    part_base(whole)
    only_adapters_meet(whole)
    trained = nn.parallel.DistributedDataParallel(whole)
    out = trained(torch.full((1, 8), 1.0 + around.ranks.index))
    out.sum().backward()
    layer = whole.parts[1][0]
    held = layer.base.weight.to_local()
    return tuple(held.shape), tuple(layer.lora.weight.shape), out.tolist(), layer.lora.weight.grad.sum().item()


def test_a_process_holds_its_share_of_the_base_and_all_of_the_adapter_and_computes_the_same(tmp_path):
    (held, adapter, out, gradient), _ = do(tmp_path, 2, look)
    assert (held, adapter) == ((3, 8), (8, 8))
    alone = Whole()
    sums = [alone(torch.full((1, 8), value)) for value in (1.0, 2.0)]
    assert out[0] == pytest.approx(sums[0][0].tolist())
    (sum(part.sum() for part in sums) / 2).backward()
    assert gradient == pytest.approx(alone.parts[1][0].lora.weight.grad.sum().item(), rel=1e-5)


def test_layers_are_the_longest_list_and_not_the_experts_in_it():
    made = model()
    assert layers_of(made) == list(made[1])
    assert layers_of(nn.Linear(2, 2)) == []


def test_only_what_is_trained_is_looked_at():
    made = Whole()
    made.register_buffer("table", torch.zeros(1))
    only_adapters_meet(made)
    ignored = set(made._ddp_params_and_buffers_to_ignore)
    assert {name for name, _ in made.named_parameters()} - ignored == {f"parts.1.{layer}.lora.weight" for layer in range(2)}
    assert "table" in ignored
