"""A frozen base and several processes: what they hold, and what they send each other.

Only the adapter is trained, so only its gradients meet (DistributedDataParallel). The base stands in each process, or is parted between
them: FSDP2 gathers a layer's weights when it is needed and drops them after it. The adapter is left out of that, so it is whole and plain
in each process: checkpoints, snapshots and the adapter's files are made as by a process alone.
"""

from typing import Any


def only_adapters_meet(model: Any) -> None:
    """Let DistributedDataParallel look at what is trained and nothing else; without it, it would send the whole base at the start."""
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    model._ddp_params_and_buffers_to_ignore = [*frozen, *(name for name, _ in model.named_buffers())]


def part_base(model: Any) -> None:
    """Part the frozen weights of a model on the CPU between the processes: each keeps its share of them, on its GPU where it has one."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(device, (torch.distributed.get_world_size(),))
    adapter = {weight for weight in model.parameters() if weight.requires_grad}
    for part in (*layers_of(model), model):
        # Parted again after each pass forward, the outermost part too: a checkpoint, which the first process writes alone, would part
        # it there and nowhere else, and the processes would gather different things from then on.
        fully_shard(part, mesh=mesh, ignored_params=adapter, reshard_after_forward=True)
    for weight in adapter:
        weight.data = weight.data.to(device)


def let_adapters_meet(trainer: Any) -> None:
    """Wrap a trainer's model, whose base is parted, so that the adapter's gradients meet.

    accelerate does so itself for other models. On GPUs it refuses one with parted weights, since it does not ask what was told to be left
    out; here it is let do the rest (mixed precision), and the trainer takes a model that is wrapped already as it is.
    """
    from torch.nn.parallel import DistributedDataParallel

    accelerator = trainer.accelerator
    model = accelerator.prepare_model(trainer.model, device_placement=False, evaluation_mode=True)
    places = [accelerator.local_process_index] if accelerator.device.type == "cuda" else None
    only_adapters_meet(model)
    trainer.model_wrapped = DistributedDataParallel(model, device_ids=places, **accelerator.ddp_handler.to_kwargs())


def layers_of(model: Any) -> list[Any]:
    """The model's layers: the items of its longest list of modules that hold parameters."""
    import torch

    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    longest: Any = max(lists, key=lambda found: sum(weight.numel() for weight in found.parameters()), default=[])
    return list(longest)
