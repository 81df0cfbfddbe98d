"""Published small pose networks, run as their makers say, to be measured beside ours.

Their files do not ship and most learned from research-only pictures; give a folder that holds them.
Crop rules are those that did best for each network on face boxes of YuNet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from facing.errors import DataError
from facing.geometry.rotation import nearest_rotation, rotation_from_euler, rotation_from_quaternion
from facing.runtime.session import open_onnx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
    Floats: TypeAlias = NDArray[np.float32]
    Run: TypeAlias = Callable[[Floats], list[Floats]]
    Decode: TypeAlias = Callable[[list[Floats]], NDArray[np.float64]]

IMAGENET_MEAN: NDArray[np.float32] = np.array([0.485, 0.456, 0.406], np.float32) * 255
IMAGENET_DEVIATION: NDArray[np.float32] = np.array([0.229, 0.224, 0.225], np.float32) * 255
FLIP = np.diag([1.0, -1.0, -1.0])  # x right, y down, z away <-> x right, y up, z to the viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One published system.

    Attributes:
        name: as its makers call it.
        files: of its networks, below the folder of peers.
        side: of its input, pixels.
        scale: of the face box.
        shift: down, in heights of the face box.
        square: whether the longer side of the face box is taken for both.
        prepare: (S, S, 3) uint8 RGB -> the network's input.
        outputs: names of the network's outputs in the order `decode` wants.
        decode: outputs of all networks, one after another -> rotation (3, 3), our convention.
    """

    name: str
    files: tuple[str, ...]
    side: int
    scale: float
    shift: float
    square: bool
    prepare: Callable[[Pixels], Floats]
    outputs: tuple[str, ...]
    decode: Decode


def available_peers(folder: Path) -> list[Peer]:
    """List the systems whose files lie in a folder.

    Raises:
        DataError: there are none.
    """
    found = [peer for peer in _peers(folder) if all((folder / file).is_file() for file in peer.files)]
    if not found:
        raise DataError(f"{folder} holds none of the published networks; give the folder of their ONNX files")
    return found


def load_peer(
    peer: Peer, *, folder: Path, threads: int = 1
) -> Callable[[Pixels, NDArray[np.floating]], NDArray[np.float64]]:
    """Open a published system.

    Args:
        peer: one of `available_peers`.
        folder: of its files.
        threads: of one network call.

    Returns:
        A function of a picture (H, W, 3) and a head box (4,) xyxy, giving the rotation (3, 3).
    """
    sessions = [open_onnx(folder / file, threads=threads) for file in peer.files]
    inputs = [session.get_inputs()[0].name for session in sessions]

    def estimate(picture: Pixels, head: NDArray[np.floating]) -> NDArray[np.float64]:
        given = peer.prepare(_crop(picture, face_from_head(head), peer=peer))
        values: list[Floats] = []
        for session, name in zip(sessions, inputs, strict=True):
            values += session.run(list(peer.outputs), {name: given})
        return peer.decode(values)

    return estimate


def face_from_head(head: NDArray[np.floating]) -> NDArray[np.float64]:
    """Take the widening of `facing.runtime.yunet.head_from_face` back, (4,) -> (4,) xyxy.

    A head box does not tell how wide the face was; its own aspect, that of the median face, stands in.
    """
    from facing.runtime.yunet import HEAD_RISE, HEAD_SIDE

    centre, size = (head[:2] + head[2:]) / 2, (head[2:] - head[:2]) / HEAD_SIDE
    centre = centre + np.array([0.0, HEAD_RISE * size[1]])
    return np.concatenate([centre - size / 2, centre + size / 2])


def _crop(picture: Pixels, face: NDArray[np.float64], *, peer: Peer) -> Pixels:
    size = face[2:] - face[:2]
    centre = (face[:2] + face[2:]) / 2 + np.array([0.0, peer.shift * size[1]])
    half = peer.scale * (np.full(2, size.max()) if peer.square else size) / 2
    left, top, right, bottom = (round(float(edge)) for edge in (*(centre - half), *(centre + half)))
    region = Image.fromarray(picture).crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return np.asarray(region.resize((peer.side, peer.side), Image.Resampling.BILINEAR))


def _imagenet(crop: Pixels) -> Floats:
    return _planes(np.asarray((crop - IMAGENET_MEAN) / IMAGENET_DEVIATION, dtype=np.float32))


def _signed_bgr(crop: Pixels) -> Floats:
    return _planes(np.asarray((crop[..., ::-1].astype(np.float32) - 127.5) / 128, dtype=np.float32))


def _raw_bgr(crop: Pixels) -> Floats:
    return _planes(crop[..., ::-1].astype(np.float32))


def _unit_rgb(crop: Pixels) -> Floats:
    return np.asarray(crop[None] / np.float32(255), dtype=np.float32)


def _opentrack_grey(crop: Pixels) -> Floats:
    grey = np.asarray(Image.fromarray(crop).convert("L"), dtype=np.float32)
    bright = float(np.percentile(grey, 90))
    scaled = grey * 0.45 / max(bright, 1.0) if bright < 127 else grey / 255
    return np.asarray(scaled[None, None] - 0.5, dtype=np.float32)


def _planes(crop: Floats) -> Floats:
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], dtype=np.float32)


def _from_bins(outputs: list[Floats], *, start: float) -> NDArray[np.float64]:
    """Read 66 bins of 3 degrees per angle: the mean of the softmax."""
    angles = []
    for logits in outputs:
        weights = np.exp(logits[0] - logits[0].max())
        angles.append(float(weights @ np.arange(66) / weights.sum() * 3 + start))
    yaw, pitch, roll = angles
    return _from_angles(yaw, pitch, roll)


def _from_pairs(outputs: list[Floats]) -> NDArray[np.float64]:
    return _from_angles(*(float(angle) for angle in np.mean(outputs, axis=0)[0]))


def _from_adas(outputs: list[Floats]) -> NDArray[np.float64]:
    yaw, pitch, roll = (float(output[0, 0]) for output in outputs)
    return _from_angles(-yaw, -pitch, roll)


def _from_angles(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    return np.asarray(rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll), dtype=np.float64)


def _from_quaternion(outputs: list[Floats]) -> NDArray[np.float64]:
    return FLIP @ np.asarray(rotation_from_quaternion(outputs[0][0]), dtype=np.float64) @ FLIP


def _from_3ddfa(outputs: list[Floats], *, constants: dict[str, Any]) -> NDArray[np.float64]:
    values = outputs[0][0, :12] * np.array(constants["std12"]) + np.array(constants["mean12"])
    first, second = values.reshape(3, 4)[:2, :3]
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    return np.asarray(nearest_rotation(np.stack([first, second, np.cross(first, second)])), dtype=np.float64)


def _from_mesh(outputs: list[Floats], *, canonical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit the canonical head to 468 points by turn and scale (Umeyama 1991); the crop's y, z are flipped."""
    points = outputs[0].reshape(-1, 3)[: len(canonical)].astype(np.float64) @ FLIP
    matrix = (points - points.mean(axis=0)).T @ (canonical - canonical.mean(axis=0))
    return np.asarray(nearest_rotation(matrix), dtype=np.float64)


def _peers(folder: Path) -> list[Peer]:
    bins = ("yaw", "pitch", "roll")
    peers = [
        Peer(
            name="opentrack 0.4 small int8",
            files=("opentrack-head-pose-0.4-small-int8.onnx",),
            side=129,
            scale=1.2,
            shift=-0.08,
            square=True,
            prepare=_opentrack_grey,
            outputs=("quat",),
            decode=_from_quaternion,
        ),
        Peer(
            name="Lightweight-HPE b66",
            files=("lightweight-hpe-b66.onnx",),
            side=224,
            scale=1.0,
            shift=0.0,
            square=True,
            prepare=_imagenet,
            outputs=bins,
            decode=partial(_from_bins, start=-97.5),
        ),
        Peer(
            name="FSA-Net (1x1 + var)",
            files=("fsanet-1x1.onnx", "fsanet-var.onnx"),
            side=64,
            scale=1.6,
            shift=0.0,
            square=True,
            prepare=_signed_bgr,
            outputs=("output",),
            decode=_from_pairs,
        ),
        Peer(
            name="Hopenet-lite (ShuffleNetV2)",
            files=("hopenet-lite.onnx",),
            side=224,
            scale=1.1,
            shift=-0.08,
            square=True,
            prepare=_imagenet,
            outputs=bins,
            decode=partial(_from_bins, start=-99.0),
        ),
        Peer(
            name="OpenVINO head-pose-adas-0001",
            files=("head-pose-adas-0001.onnx",),
            side=60,
            scale=1.1,
            shift=0.08,
            square=True,
            prepare=_raw_bgr,
            outputs=("angle_y_fc", "angle_p_fc", "angle_r_fc"),
            decode=_from_adas,
        ),
    ]
    constants, canonical = folder / "3ddfa-v2-mb05.json", folder / "mediapipe-canonical-468.json"
    if constants.is_file():
        peers.append(
            Peer(
                name="3DDFA_V2 MobileNet 0.5",
                files=("3ddfa-v2-mb05.onnx",),
                side=120,
                scale=1.2,
                shift=0.0,
                square=True,
                prepare=_signed_bgr,
                outputs=("params",),
                decode=partial(_from_3ddfa, constants=json.loads(constants.read_text())),
            )
        )
    if canonical.is_file():
        peers.append(
            Peer(
                name="MediaPipe face mesh 468 + fit",
                files=("mediapipe-face-landmark.onnx",),
                side=192,
                scale=1.45,
                shift=0.08,
                square=False,
                prepare=_unit_rgb,
                outputs=("conv2d_21",),
                decode=partial(_from_mesh, canonical=np.array(json.loads(canonical.read_text()))),
            )
        )
    return peers
