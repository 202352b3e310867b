from functools import partial
from unittest.mock import patch

import pytest
import torch
from tests.training.test_together import do
from torch import nn

from nemoflow.training.sharding import layers_of, let_adapters_meet, only_adapters_meet, part_base

pytestmark = pytest.mark.timeout(900)


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


class Learner(Whole):
    def forward(self, x, labels):
        return {"loss": super().forward(x).sub(labels).square().mean()}


ROWS = [{"x": torch.full((8,), value), "labels": torch.ones(8)} for value in (0.5, 1.0, 1.5, 2.0)]


def trainer_of(folder, batch):
    from transformers import PrinterCallback, Trainer, TrainingArguments

    arguments = TrainingArguments(
        str(folder),
        per_device_train_batch_size=batch,
        max_steps=2,
        learning_rate=0.1,
        lr_scheduler_type="constant",
        train_sampling_strategy="sequential",
        use_cpu=True,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = Trainer(model=Learner(), args=arguments, train_dataset=ROWS)
    trainer.remove_callback(PrinterCallback)
    return trainer


def adapter_of(trainer):
    return [weight.detach().flatten().tolist() for name, weight in trainer.model.named_parameters() if ".lora." in name]


def learn(folder, around):
    """Everybody's adapter after two steps of transformers' trainer, which is told that it is on several GPUs."""
    from accelerate import Accelerator

    with patch.object(Accelerator, "multi_device", True):
        for is_helped in (False, True):
            trainer = trainer_of(folder / f"rank{around.ranks.index}", 1)
            part_base(trainer.model)
            if is_helped:
                let_adapters_meet(trainer)
                trainer.train()
            else:
                with pytest.raises(ValueError, match="incompatible with DDP"):
                    trainer.train()
    return around.ranks.all(adapter_of(trainer))


def test_on_gpus_a_trainer_refuses_a_parted_base_and_takes_one_whose_adapters_meet_already(tmp_path):
    (first, second), _ = do(tmp_path, 2, partial(learn, tmp_path))
    assert first == second
    alone = trainer_of(tmp_path / "alone", 2)
    before = adapter_of(alone)
    alone.train()
    assert [pytest.approx(weights, rel=1e-4) for weights in adapter_of(alone)] == first
    assert first != [pytest.approx(weights, rel=1e-2) for weights in before]


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
