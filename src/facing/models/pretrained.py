"""ImageNet weights for backbones: torchvision's, or a local file in torchvision's names."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from facing.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

IMAGENET_WEIGHTS = "imagenet"
"""What recipes write for the weights of the library that the backbone comes from."""
ENDINGS = (".pth", ".pt", ".safetensors", ".npz")
CLASSIFIERS = ("classifier.", "fc.", "head.", "last_linear.")
NAMED = 3
"""So many arrays are named in a report, the rest is counted."""


def torchvision_weights(names: Mapping[str, str]) -> Callable[[nn.Module, str, str], str]:
    """Make the `pretrained` of a backbone whose layers carry torchvision's names.

    Args:
        names: variant -> name of the model in torchvision; variants without one have local files only.
    """

    def load(module: nn.Module, variant: str, where: str) -> str:
        if where != IMAGENET_WEIGHTS:
            return load_file(module, where)
        if variant not in names:
            raise ModelError(
                f"torchvision has ImageNet weights for {', '.join(names)}, none for {variant}; "
                'leave model.pretrained empty, or name a file: model.pretrained = "FILE"'
            )
        arrays, source = _torchvision(names[variant])
        return match_arrays(module, arrays, source=source)

    return load


def load_file(
    module: nn.Module, where: str, *, names: Callable[[str], tuple[str, ...]] = lambda key: (key,)
) -> str:
    """Load the weights of a local file.

    Args:
        module: the backbone, changed in place.
        where: a .pth, .pt, .safetensors or .npz file.
        names: from the name of an array in the file to those it may have in `module`.

    Returns:
        A sentence: how many arrays were loaded, and what did not match.

    Raises:
        ModelError: the file is missing or unreadable, or fewer than half of the arrays match.
    """
    own = module.state_dict().keys()
    renamed = {}
    for key, array in read_arrays(Path(where)).items():
        renamed[next((name for name in names(key) if name in own), key)] = array
    return match_arrays(module, renamed, source=where)


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Read named arrays; nothing in the file is run.

    Raises:
        ModelError: the file is missing, of another kind or unreadable.
    """
    if path.suffix not in ENDINGS:
        raise ModelError(
            f"model.pretrained = {str(path)!r} is no {', '.join(ENDINGS)} file; name one, or write imagenet"
        )
    if not path.is_file():
        raise ModelError(f"model.pretrained = {str(path)!r}: there is no such file; correct the path")
    try:
        if path.suffix == ".npz":
            return _npz(path)
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load_safetensors

            return dict(load_safetensors(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the three readers raise what their formats raise
        raise ModelError(
            f"{path} cannot be read as weights ({type(error).__name__}); fetch or save it again"
        ) from error
    found = found.get("state_dict", found) if isinstance(found, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, torch.Tensor)}


def match_arrays(module: nn.Module, arrays: Mapping[str, Tensor], *, source: str) -> str:
    """Load the arrays whose names and shapes match; arrays of classifiers are passed over.

    Args:
        module: the backbone, changed in place.
        arrays: by name; halves are widened.
        source: where they come from, for the sentence.

    Returns:
        A sentence: how many arrays were loaded, and what did not match.

    Raises:
        ModelError: fewer than half of the module's arrays match.
    """
    # Counters of batches are no weights, and old files have none.
    own = {
        key: value for key, value in module.state_dict().items() if not key.endswith("num_batches_tracked")
    }
    fitting = {key: arrays[key] for key in own if key in arrays and arrays[key].shape == own[key].shape}
    missing = [key for key in own if key not in arrays]
    shaped = [key for key in own if key in arrays and key not in fitting]
    spare = [
        key
        for key in arrays
        if key not in own and not key.startswith(CLASSIFIERS) and not key.endswith("num_batches_tracked")
    ]
    parts = [f"{source}: {len(fitting)} of {len(own)} arrays of the backbone loaded"]
    for keys, words in (
        (missing, "not in the file"),
        (shaped, "of another shape there"),
        (spare, "in the file, not in the backbone"),
    ):
        if keys:
            more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            parts.append(f"{words}: {', '.join(keys[:NAMED])}{more}")
    report = "; ".join(parts)
    if 2 * len(fitting) < len(own):
        raise ModelError(f"{report}; this is another network's file, name one that fits")
    module.load_state_dict(fitting, strict=False)
    return report


def _npz(path: Path) -> dict[str, Tensor]:
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def _torchvision(name: str) -> tuple[dict[str, Tensor], str]:
    import torchvision

    weights = torchvision.models.get_model_weights(name).DEFAULT
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = weights.url.rpartition("/")[2]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch's loader prints what it fetches
            return weights.get_state_dict(progress=False, check_hash=True), file
    except Exception as error:  # sockets, certificates, hashes and damaged files each have their own
        raise ModelError(
            f"{file} cannot be had from {weights.url} ({error}); fetch it where there is a network and "
            f'put it into {folder}, or name it: model.pretrained = "{file}"'
        ) from error
