"""An exported model file -> weights to go on training from, whether float or 8 bits.

Export folds batch normalisation into the convolution before it and rounds weights to 11 or 7 bits. Training
wants the normalisation back: it starts with the statistics of one batch, such that the network answers as the
file does.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from facing.errors import MissingExtraError, ModelError
from facing.models.describe_graph import WRAPPER
from facing.models.mirror import BothWays
from facing.models.necks.weighted import Weighted
from facing.models.windows import PairedStem
from facing.runtime.card import METADATA_KEY, REMEDY, Card
from facing.training.checkpoint import Checkpoint, load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import onnx

SUFFIX = ".onnx"
FOLDED = ".weight_bias"
"""Behind the name of a convolution: the bias that normalisation left there."""
STEM = "backbone.stem.0"
RESIZED = "upsample_bilinear2d"
"""What the exporter calls weights of the neck that were resized to the grid of the network's side."""


def load_start(path: Path) -> Checkpoint:
    """Read what a training may start from: a checkpoint, a run folder, or a model file of `facing export`.

    Of a model file, `weights` has folded biases under names of their own; `unfolded` takes them apart.

    Raises:
        ModelError: there is none, or it is broken or foreign.
        MissingExtraError: it is a model file, and onnx is not installed.
    """
    if not path.exists():
        raise ModelError(
            f"{path} does not exist; give a run folder, a .safetensors or .onnx file or released weights"
        )
    if path.suffix != SUFFIX or path.is_dir():
        return load_checkpoint(path)
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError.of(need="starting from a model file", extra="export") from error
    try:
        model = onnx.load_model(path)
    except Exception as error:  # protobuf's own errors, which onnx does not name
        raise ModelError(f"{path} is no model ({error}); copy or export it again") from error
    text = next((entry.value for entry in model.metadata_props if entry.key == METADATA_KEY), None)
    if text is None:
        raise ModelError(f"{path} carries no facing card; {REMEDY}")
    card = Card.from_json(text, source=str(path))
    return Checkpoint(
        weights=_arrays(model),
        recipe=card.recipe,
        digest=card.recipe_hash,
        step=0,
        commit=card.commit,
        data=[dict(row) for row in card.data],
    )


def _arrays(model: onnx.ModelProto) -> dict[str, Tensor]:
    """Give the float arrays of a graph by the names that they have in the network."""
    from onnx import numpy_helper

    stored = {
        array.name: torch.from_numpy(numpy_helper.to_array(array).copy()) for array in model.graph.initializer
    }
    arrays: dict[str, Tensor] = {}
    for stored_as, stored_values in stored.items():
        name, values = stored_as.removesuffix(".half"), stored_values
        if name.endswith("_quantized"):
            name = name.removesuffix("_quantized")
            of = name if f"{name}_scale" in stored else stored_as  # weights, biases
            scale, zero = stored[f"{of}_scale"], stored[f"{of}_zero_point"]
            shape = (-1,) + (1,) * (values.ndim - 1)
            values = (values.float() - zero.float().reshape(shape)) * scale.reshape(shape)
        name = name.removeprefix(WRAPPER)
        # Names without a dot are constants and steps of the graph, scales belong to bytes.
        if "." in name and values.is_floating_point() and not name.endswith("_scale"):
            arrays[name] = values.float()
        elif name == RESIZED:
            arrays["neck.weight"] = Weighted.from_grid(values.float())
    if "stem.weight" in arrays:
        # Pairs of pixels, three of both ways or two. They count bytes from 128, not 127.5, which no start
        # needs undone.
        pairs, bias = arrays.pop("stem.weight"), arrays.pop("stem.bias")
        one = BothWays.one_way(pairs) if pairs.shape[3] == BothWays.PAIRS else PairedStem.unpaired(pairs)
        arrays[f"{STEM}.weight"] = one
        arrays[f"{STEM}{FOLDED}"] = bias[: len(one)]
    return arrays


def unfolded(network: nn.Module, arrays: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Give each folded bias back to the normalisation behind its convolution.

    Args:
        network: of the same shape; its convolutions are registered right before their normalisation.
        arrays: of a checkpoint or of `load_start`.

    Returns:
        Arrays by the names of the network, its normalisation at mean 0 and variance 1, and the names of these
        layers: none of an ordinary checkpoint.
    """
    own, layers = dict(arrays), []
    for before, behind, norm in _normalised(network):
        folded_bias = f"{before}{FOLDED}"
        if folded_bias not in own:
            continue
        bias = own.pop(folded_bias)
        own[f"{behind}.bias"] = bias
        own[f"{behind}.weight"] = torch.ones_like(bias)
        own[f"{behind}.running_mean"] = torch.zeros_like(bias)
        own[f"{behind}.running_var"] = torch.full_like(bias, 1 - norm.eps)
        own[f"{behind}.num_batches_tracked"] = torch.tensor(0)
        layers.append(behind)
    return own, layers


def folded(network: nn.Module, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold normalisation into convolutions, as export does; statistics of batches play no part then.

    Args:
        network: of the same shape.
        arrays: of a checkpoint; those of `load_start` stay as they are.

    Returns:
        Arrays that `unfolded` takes.
    """
    own = dict(arrays)
    for before, behind, norm in _normalised(network):
        if f"{behind}.weight" not in own:
            continue
        weight, bias, mean, variance = (
            own.pop(f"{behind}.{name}") for name in ("weight", "bias", "running_mean", "running_var")
        )
        own.pop(f"{behind}.num_batches_tracked", None)
        factor = weight / torch.sqrt(variance + norm.eps)
        own[f"{before}.weight"] = own[f"{before}.weight"] * factor[:, None, None, None]
        own[f"{before}{FOLDED}"] = bias - mean * factor
    return own


def _normalised(network: nn.Module) -> Iterator[tuple[str, str, nn.BatchNorm2d]]:
    """Give the name of each convolution, and that of the normalisation behind it, with the layer."""
    leaves = [(name, module) for name, module in network.named_modules() if not any(module.children())]
    for (before, convolution), (behind, norm) in itertools.pairwise(leaves):
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            yield before, behind, norm


@torch.no_grad()
def take_statistics(network: nn.Module, layers: list[str], picture: Tensor) -> None:
    """Let layers of normalisation take over the statistics of a batch; the answers stay as they are.

    Args:
        network: in any mode, which it keeps; the layers as `unfolded` gave them.
        layers: names of `unfolded`.
        picture: the network's input, such as crops (N, S, S, 3) uint8; the more the better.
    """

    def take(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        variance, mean = torch.var_mean(given[0].float(), dim=(0, 2, 3), correction=0)
        norm.bias.add_(mean)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    hooks = [network.get_submodule(name).register_forward_pre_hook(take) for name in layers]
    training = network.training
    try:
        network.eval()(picture)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
