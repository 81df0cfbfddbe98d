"""What a network costs and what it says: parameters, multiply-adds, outputs and layers.

Multiply-adds are those of convolutions and linear layers for one picture; an addition of a bias, batch
normalisation, pools and element-wise arithmetic do not count. One multiply-add is one, where some tools
count two. It is the way of fvcore, with which the published networks were counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

MEANINGS = {
    "rotation": "head -> camera; columns are the head's axes: x right in the picture, y up, z to the viewer",
    "front": "unit vector along which the face looks: x right in the picture, y up, z to the viewer",
    "orientation": "probability of each class, 1 together",
    "spread": "angle of error to expect, radians",
    "boxes": "head boxes: left, top, right, bottom, pixels of the input",
    "scores": "how sure each box is, 0 to 1, best first",
}
DETECTOR_OUTPUTS = ("boxes", "scores")
ORIENTATIONS = ("front", "side", "back")
DEPTH = 3
"""Levels of module names that a table tells apart unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, or several folded into one."""

    path: str
    """Name of the module, or of the weights in a graph."""
    kind: str
    shape: tuple[int, ...] | None
    """Of its output for one picture; None where it gives several values or does not run."""
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Output:
    """One value that a network gives."""

    name: str
    shape: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A network as its user sees it."""

    input: str
    outputs: tuple[Output, ...]
    parameters: int
    multiply_adds: int
    """For one picture of `size`."""
    size: tuple[int, int]
    """Height and width, pixels."""
    layers: tuple[Layer, ...]
    """In the order in which they were made; those without weights are left out."""
    blocks: Mapping[str, tuple[str, tuple[int, ...] | None]] = field(default_factory=dict)
    """Modules that hold layers: kind and shape by path."""
    note: str = ""
    """What its figures do not tell by themselves."""


def describe_network(network: nn.Module, *, size: tuple[int, int], labels: Sequence[str] = ()) -> Description:
    """Run a network on one black picture and count.

    Args:
        network: a pose network or head detector: uint8 pictures (N, H, W, 3) in. It is left in eval mode;
            on the meta device nothing is computed.
        size: height and width of the picture, pixels.
        labels: names of the classes of `orientation`; none for the usual three.

    Returns:
        Its description.
    """
    import torch

    device = next(network.parameters()).device
    picture = torch.zeros(1, *size, 3, dtype=torch.uint8, device=device)
    layers, blocks, out = count(network.eval(), picture)
    named = out if isinstance(out, dict) else dict(zip(DETECTOR_OUTPUTS, out, strict=True))
    return Description(
        input=f"picture (N, {size[0]}, {size[1]}, 3), uint8, red, green, blue",
        outputs=tuple(
            output_of(name, tuple(value.shape[1:]), labels=labels) for name, value in named.items()
        ),
        parameters=sum(layer.parameters for layer in layers),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        size=size,
        layers=layers,
        blocks=blocks,
    )


def count(
    network: nn.Module, example: Tensor
) -> tuple[tuple[Layer, ...], dict[str, tuple[str, tuple[int, ...] | None]], Any]:
    """Run any module once, without gradients, and count every layer with weights.

    Args:
        network: any module, in eval mode.
        example: its input, a batch of one.

    Returns:
        Layers, kind and shape of what holds them, and the output.
    """
    import torch

    shapes: dict[str, tuple[int, ...] | None] = {}
    costs: dict[str, int] = {}

    def watch(path: str, module: nn.Module) -> Any:
        def seen(_: nn.Module, given: tuple[Any, ...], out: Any) -> None:
            shapes[path] = tuple(out.shape[1:]) if isinstance(out, torch.Tensor) else None
            costs[path] = costs.get(path, 0) + _multiply_adds(module, given, out)

        return module.register_forward_hook(seen)

    modules = [(path, module) for path, module in network.named_modules() if path]
    hooks = [watch(path, module) for path, module in modules]
    try:
        with torch.no_grad():
            out = network(example)
    finally:
        for hook in hooks:
            hook.remove()
    layers, blocks, known = [], {}, set()
    for path, module in modules:
        kind = type(module).__name__
        if any(True for _ in module.children()):
            blocks[path] = (kind, shapes.get(path))
        own = [weight for weight in module.parameters(recurse=False) if id(weight) not in known]
        known |= {id(weight) for weight in own}
        if own or costs.get(path):
            numbers = sum(weight.numel() for weight in own)
            layers.append(Layer(path, kind, shapes.get(path), numbers, costs.get(path, 0)))
    return tuple(layers), blocks, out


def output_of(name: str, shape: Sequence[int | str], *, labels: Sequence[str] = ()) -> Output:
    """Say what an output of the graph contract means.

    Args:
        name: of the output.
        shape: without the batch.
        labels: names of the classes of `orientation`; none for the usual three.
    """
    meaning = MEANINGS.get(name, "not in the graph contract")
    if name == "orientation" and (labels or tuple(shape) == (len(ORIENTATIONS),)):
        meaning += f": {', '.join(labels or ORIENTATIONS)}"
    return Output(name, tuple(shape), meaning)


def folded(description: Description, depth: int) -> tuple[Layer, ...]:
    """Add up the layers whose names agree in their first levels.

    Args:
        description: of a network or graph.
        depth: levels of names that are told apart, from 1 on.
    """
    groups: dict[str, list[Layer]] = {}
    for layer in description.layers:
        groups.setdefault(".".join(layer.path.split(".")[:depth]), []).append(layer)
    return tuple(
        members[0] if [layer.path for layer in members] == [path] else _sum(path, members, description)
        for path, members in groups.items()
    )


def description_lines(description: Description, *, depth: int = DEPTH) -> Iterator[str]:
    """Say a description as text.

    Args:
        description: of a network or graph.
        depth: levels of names that the layer table tells apart.

    Yields:
        Lines, the layer table last.
    """
    height, width = description.size
    yield f"input          {description.input}"
    shapes = [
        f"(N, {', '.join(map(str, out.shape))})" if out.shape else "(N,)" for out in description.outputs
    ]
    names = max(len(out.name) for out in description.outputs)
    for index, (out, shape) in enumerate(zip(description.outputs, shapes, strict=True)):
        start = "outputs" if index == 0 else ""
        yield f"{start:<13}  {out.name:<{names}}  {shape:<{max(map(len, shapes))}}  {out.meaning}"
    yield f"parameters     {description.parameters:,}"
    yield (
        f"multiply-adds  {description.multiply_adds / 1e6:,.2f} M at {height} x {width}, "
        "in convolutions and linear layers"
    )
    if description.note:
        yield f"note           {description.note}"
    yield ""
    yield from _table(folded(description, depth))


def _table(layers: Sequence[Layer]) -> Iterator[str]:
    rows = [("layer", "type", "output", "parameters", "multiply-adds")]
    for layer in layers:
        shape = " x ".join(map(str, layer.shape)) if layer.shape else ""
        rows.append((layer.path, layer.kind, shape, f"{layer.parameters:,}", f"{layer.multiply_adds:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        texts = [text.ljust(width) for text, width in zip(row[:3], widths, strict=False)]
        figures = [text.rjust(width) for text, width in zip(row[3:], widths[3:], strict=True)]
        yield "  ".join(texts + figures).rstrip()


def _sum(path: str, members: Sequence[Layer], description: Description) -> Layer:
    kinds = sorted({layer.kind for layer in members})
    kind, shape = description.blocks.get(path, (", ".join(kinds), members[-1].shape))
    return Layer(
        path,
        kind,
        shape,
        sum(layer.parameters for layer in members),
        sum(layer.multiply_adds for layer in members),
    )


def _multiply_adds(module: nn.Module, given: tuple[Any, ...], out: Any) -> int:
    from torch import nn

    if isinstance(module, nn.Linear):
        return int(module.weight.numel() * prod(given[0].shape[:-1]))
    if isinstance(module, nn.ConvTranspose2d):
        # Every cell of the input meets every weight once.
        return int(module.weight.numel() * prod(given[0].shape[2:]) * given[0].shape[0])
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return int(module.weight.numel() * prod(out.shape[2:]) * out.shape[0])
    return 0
