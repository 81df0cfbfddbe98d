"""Weights of a network -> start of a wider or deeper one; a detector then answers as the small one does.

The first channels of each layer are the narrow network's and read nothing of the further ones. These read
everything, and the next training lets the others listen to them. Further blocks pass on what they get.

Source: in the spirit of Chen et al. 2016, "Net2Net", whose further channels are copies; ours are random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

KERNEL = 2
"""Axis of a convolution's weights, (outputs, inputs, height, width), where its kernel begins."""


@runtime_checkable
class PassesOn(Protocol):
    """A block that can start as the identity."""

    def pass_on(self) -> None:
        """Change the weights such that what comes in goes out."""
        ...


def deepened(network: nn.Module, arrays: Mapping[str, Tensor]) -> None:
    """Let blocks of which a file has nothing pass on what they get.

    Args:
        network: freshly made; changed in place.
        arrays: of the shallow network, by the same names.
    """
    for name, module in network.named_modules():
        if isinstance(module, PassesOn) and not any(given.startswith(f"{name}.") for given in arrays):
            module.pass_on()


def widened(network: nn.Module, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the arrays of convolutions and their normalisation that are narrower in a file.

    Args:
        network: freshly made; its own values stay in the further channels.
        arrays: of the narrow network, by the same names.

    Returns:
        Arrays of the network's shapes, by name; none for layers of other kinds, which give meaning to the
        place of each number, and none for kernels of another size.
    """
    wider = {}
    for layer, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            continue
        for name, own in module.state_dict(prefix=f"{layer}.").items():
            given = arrays.get(name)
            if given is None or given.shape == own.shape or not _fits(given, own):
                continue
            values = own.clone()
            if values.ndim > 1:
                values[: len(given), given.shape[1] :] = 0
            values[tuple(slice(size) for size in given.shape)] = given.to(values.dtype)
            wider[name] = values
    return wider


def _fits(given: Tensor, own: Tensor) -> bool:
    return (
        given.ndim == own.ndim
        and given.shape[KERNEL:] == own.shape[KERNEL:]
        and all(narrow <= wide for narrow, wide in zip(given.shape, own.shape, strict=True))
    )
