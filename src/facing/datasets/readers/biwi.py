"""BIWI Kinect Head Pose Database (Fanelli et al. 2013): 24 sequences of 20 persons before a Kinect.

Three forms are read: the database itself, NN/frame_NNNNN_rgb.png beside _pose.txt or _pose.bin; one
.npz of many crops (FSA-Net); a folder of .npz files with one crop each (the pyramid system).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facing.datasets.files import LIST_ENDING, find_any, missing, read_list
from facing.datasets.head_box import head_box_from_camera
from facing.datasets.readers._npz import NPZ_ENDING, npz_samples
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.camera import OPENCV_AXES
from facing.geometry.conventions import (
    biwi_txt_from_rotation,
    rotation_from_biwi_bin,
    rotation_from_biwi_txt,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TITLE = "BIWI Kinect Head Pose Database"
FRAME = re.compile(r"^(frame_\d+)_(?:rgb|pose)$")
PICTURES = ("_rgb.png", "_rgb.jpg")
POSES = ("_pose.txt", "_pose.bin")
CENTRE_CM = (0.0, 0.5, -3.1)
"""The set's head centre in our neutral head: as high as the tip of the nose and 6.3 cm behind it.

Measured on a depth frame of the set's makers (nose 62 to 66 mm before the centre, chin 90 mm below) and
looked at on four frames of sequence 01, where chin, mouth and brows of the neutral head fall on the person's.
"""


class ColourCamera(NamedTuple):
    """What an rgb.cal states: the colour camera and where it stands beside the depth camera."""

    intrinsics: NDArray[np.float64]
    """(3, 3), pixels."""
    rgb_from_depth: NDArray[np.float64]
    """(3, 3), OpenCV axes."""
    shift_mm: NDArray[np.float64]
    """(3,)."""


NOMINAL = ColourCamera(
    np.array([[517.679, 0.0, 320.0], [0.0, 517.679, 240.5], [0.0, 0.0, 1.0]]),
    np.array(
        [
            [0.999947, 0.00432361, 0.00929419],
            [-0.00446314, 0.999877, 0.0150443],
            [-0.009228, -0.015085, 0.999844],
        ]
    ),
    np.array([-24.0198, 5.8896, -13.2308]),
)
"""rgb.cal as several public projects quote it, for copies that lack the file."""


class Pose(NamedTuple):
    """What a pose file states, in the depth camera."""

    rotation: NDArray[np.float64]
    """(3, 3), ours."""
    centre_mm: NDArray[np.float64]
    """(3,), OpenCV axes."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per frame; frames that lack picture or pose are `LeftOut`.

    Args:
        path: folder with the sequences 01 to 24 (or with hpdb around them), folder of .npz files, one .npz,
            or a list: lines such as "01/frame_00003", or names of .npz files without ending.
    """
    if path.suffix == NPZ_ENDING:
        yield from npz_samples([path], title=TITLE)
    elif path.suffix == LIST_ENDING and not path.is_dir():
        yield from _listed(path)
    elif path.is_dir() and any(path.glob(f"*{NPZ_ENDING}")):
        yield from npz_samples(find_any(path, (f"*{NPZ_ENDING}",), title=TITLE), title=TITLE)
    else:
        root = path / "hpdb" if (path / "hpdb").is_dir() else path
        patterns = [f"[0-9][0-9]/frame_*{ending}" for ending in (*PICTURES, *POSES)]
        found = find_any(root, patterns, title=TITLE)
        names = (FRAME.match(file.stem) for file in found)
        keys = {f"{file.parent.name}/{name[1]}" for file, name in zip(found, names, strict=True) if name}
        yield from _frames(root, sorted(keys))


def _listed(path: Path) -> Iterator[Sample | LeftOut]:
    root, names = read_list(path, title=TITLE)
    arrays = [root / f"{name}{NPZ_ENDING}" for name in names]
    if any(file.is_file() for file in arrays):
        yield from npz_samples(arrays, title=TITLE)
        return
    if not any((root / f"{name}{ending}").is_file() for name in names for ending in PICTURES):
        raise missing(root, f"picture or {NPZ_ENDING} of the list {path.name}", title=TITLE)
    yield from _frames(root, names)


def _frames(root: Path, keys: list[str]) -> Iterator[Sample | LeftOut]:
    cameras: dict[Path, ColourCamera | None] = {}
    for key in keys:
        picture = _first(root, key, PICTURES)
        file = _first(root, key, POSES)
        if picture is None or file is None:
            yield LeftOut(key, "picture is missing" if picture is None else "pose file is missing")
            continue
        if file.parent not in cameras:
            cameras[file.parent] = _camera_of(file.parent)
        camera = cameras[file.parent]
        if camera is None:
            yield LeftOut(key, "rgb.cal of its sequence cannot be read")
            continue
        try:
            pose = read_pose(file)
            box = _head_box(pose, camera=camera)
        except DataError:
            yield LeftOut(key, "label cannot be read")
            continue
        yield Sample(
            key, picture, (LabelledHead(box, pose.rotation, known=ANGLES),), source=key.split("/")[0]
        )


def read_pose(path: Path) -> Pose:
    """Read one pose file.

    Args:
        path: _pose.txt (three rows of a rotation, a blank line, the head's centre in mm) or _pose.bin (six
            little-endian float32: centre in mm, three angles in degrees).

    Raises:
        DataError: the file is missing, of another length or holds no rotation.
    """
    try:
        if path.suffix == ".bin":
            values = np.frombuffer(path.read_bytes(), dtype="<f4").astype(np.float64)
        else:
            values = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no pose ({error}); copy it again") from error
    wanted = 6 if path.suffix == ".bin" else 12
    if values.shape != (wanted,) or not np.isfinite(values).all():
        raise DataError(f"{path} holds {values.size} numbers, not {wanted} finite ones; copy it again")
    if path.suffix == ".bin":
        return Pose(rotation_from_biwi_bin(values[3:]), values[:3])
    turn = values[:9].reshape(3, 3)
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:  # six printed digits
        raise DataError(f"{path} holds no rotation; copy it again")
    return Pose(rotation_from_biwi_txt(_orthogonal(turn)), values[9:])


def read_colour_camera(path: Path) -> ColourCamera:
    """Read an rgb.cal: intrinsics (9), distortion (4), rotation (9), translation in mm (3), size (2).

    The distortion is 0 throughout the set and not used.

    Raises:
        DataError: the file is missing or holds other numbers.
    """
    try:
        values = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no calibration that can be read ({error}); copy it again") from error
    if values.shape != (27,):
        raise DataError(f"{path} holds {values.size} numbers, a calibration has 27; copy it again")
    return ColourCamera(values[:9].reshape(3, 3), values[13:22].reshape(3, 3), values[22:25])


def _camera_of(sequence: Path) -> ColourCamera | None:
    path = sequence / "rgb.cal"
    if not path.exists():
        return NOMINAL
    try:
        return read_colour_camera(path)
    except DataError:
        return None


def _head_box(pose: Pose, *, camera: ColourCamera) -> tuple[float, float, float, float]:
    depth_from_head = biwi_txt_from_rotation(pose.rotation) @ OPENCV_AXES
    x0, y0, x1, y1 = head_box_from_camera(
        camera.rgb_from_depth @ depth_from_head,
        place_mm=camera.rgb_from_depth @ pose.centre_mm + camera.shift_mm,
        point_cm=CENTRE_CM,
        intrinsics=camera.intrinsics,
    ).tolist()
    return x0, y0, x1, y1


def _orthogonal(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    left, _, right = np.linalg.svd(turn)
    orthogonal: NDArray[np.floating[Any]] = left @ right
    return np.asarray(orthogonal, dtype=np.float64)


def _first(root: Path, key: str, endings: tuple[str, ...]) -> Path | None:
    return next((file for ending in endings if (file := root / f"{key}{ending}").is_file()), None)


READER = Reader(
    title=TITLE,
    licence="ETH Zurich, research only",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head in its own size at the stored head centre and pose, seen by the colour camera of "
        "rgb.cal (nominal values where the file is absent); .npz crops are taken as whole heads"
    ),
    convention=(
        "D R D of pose.txt: rotation in the depth camera as the field uses it, not turned into the colour "
        "camera (1 degree apart); .npz: yaw, pitch, roll in degrees with our signs. source is the sequence: "
        "four of the 20 persons were recorded twice, which ones the files do not say; .npz files do not tell "
        "sequences either, there it is one of 24 stretches of frames"
    ),
    complete_labels=True,
    known=ANGLES,
    samples=read_samples,
    expected_count=15678,
)
