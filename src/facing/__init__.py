"""Head pose estimation: pictures in, yaw, pitch and roll of every head out.

    import facing

    for head in facing.PoseEstimator()("photo.jpg"):
        print(head.yaw, head.pitch, head.roll, head.error_deg, head.box)

Names load on first use, so that importing facing costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facing.crop import Crops, CropSpec, crop_heads
    from facing.errors import (
        BoxError,
        DataError,
        FacingError,
        MissingExtraError,
        ModelError,
        PictureError,
        RecipeError,
        UnknownNameError,
    )
    from facing.output.drawing import draw
    from facing.picture import find_pictures, load_picture
    from facing.pose import HeadPose
    from facing.runtime.detector import load_detector, read_boxes
    from facing.runtime.estimator import PoseEstimator
    from facing.runtime.orientation import OrientationClassifier

    __version__: str

__all__ = [
    "BoxError",
    "CropSpec",
    "Crops",
    "DataError",
    "FacingError",
    "HeadPose",
    "MissingExtraError",
    "ModelError",
    "OrientationClassifier",
    "PictureError",
    "PoseEstimator",
    "RecipeError",
    "UnknownNameError",
    "__version__",
    "crop_heads",
    "draw",
    "find_pictures",
    "load_detector",
    "load_picture",
    "read_boxes",
]

_HOMES = {
    "CropSpec": "crop",
    "Crops": "crop",
    "HeadPose": "pose",
    "OrientationClassifier": "runtime.orientation",
    "PoseEstimator": "runtime.estimator",
    "crop_heads": "crop",
    "draw": "output.drawing",
    "find_pictures": "picture",
    "load_detector": "runtime.detector",
    "load_picture": "picture",
    "read_boxes": "runtime.detector",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("facing")
    elif name in __all__:
        value = getattr(import_module(f"facing.{_HOMES.get(name, 'errors')}"), name)
    else:
        raise AttributeError(f"module 'facing' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Offer the public names to interactive users before they are loaded."""
    return sorted(set(globals()) | set(__all__))
