r"""How far a pose network is from a published one on the development photographs, and from itself.

    python benchmarks/agreement.py --pictures ../shared/assets/photos_cc0 --peers ../shared/peers

The photographs have no measured poses, so the peer that errs least on AFLW2000 stands in: its mean over seven
boxes and the mirror image, where these agree and it faces where the head was seen to face. Both learned from
other pictures, so what the network reads otherwise is mostly its own error. Weights are chosen here, never on
the sets of benchmarks/accuracy.py. No label of the peer is trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.bench.machine import facts, save_result
from facing.bench.peers import available_peers, load_peer
from facing.bench.photographs import read_photographs
from facing.bench.readings import VIEWS, agreed, nearly_faces
from facing.geometry.boxes import moved_boxes, quarter_turned
from facing.geometry.rotation import geodesic_deg, nearest_rotation, rotation_from_euler
from facing.runtime.estimator import PoseEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ANNOTATION = Path(__file__).parents[1] / "tests" / "data" / "photos_cc0.csv"
PEER = "opentrack 0.4 small int8"
LEAST_PX = 40.0
MOST_SPREAD_DEG = 5.0
NEAR_DEG = 15.0
BORDER_DEG = 45.0
# Right, down and larger: "turn of the answer when the box moves by 5 % or changes by 10 %".
MOVED = ((0, 0, 0), (0.05, 0, 0), (-0.05, 0, 0), (0, 0.05, 0), (0, -0.05, 0), (0, 0, -0.1), (0, 0, 0.1))
MIRROR = np.diag([-1.0, 1.0, 1.0])


def read_by_peer(
    peer: Callable[[Any, Any], NDArray[np.float64]], pixels: NDArray[np.uint8], box: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Give the peer's mean rotation and how far its answers lie from it."""
    flipped, width = np.ascontiguousarray(pixels[:, ::-1]), pixels.shape[1]
    answers = []
    for view in VIEWS:
        own = moved_boxes(box[None], view)[0]
        answers.append(peer(pixels, own))
        answers.append(
            MIRROR @ peer(flipped, np.array([width - own[2], own[1], width - own[0], own[3]])) @ MIRROR
        )
    mean, spread = agreed(answers)
    return mean, float(spread)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    found = {one.name: one for one in available_peers(args.peers)}
    peer = load_peer(found[PEER], folder=args.peers)
    network = PoseEstimator(args.model, None, threads=1, tta=args.tta)
    true, read, upside = [], [], []
    for photo in read_photographs(ANNOTATION, args.pictures, part=args.part):
        sides = (photo.boxes[:, 2:] - photo.boxes[:, :2]).max(1, initial=0)
        for box, facing, side in zip(photo.boxes, photo.facings, sides, strict=True):
            if side < LEAST_PX or facing in ("", "back"):
                continue
            rotation, spread = read_by_peer(peer, photo.pixels, box)
            if spread >= MOST_SPREAD_DEG or not nearly_faces(rotation, facing, near_deg=NEAR_DEG):
                continue
            true.append(rotation)
            boxes = np.concatenate([moved_boxes(box[None], view) for view in MOVED])
            read.append([head.rotation for head in network(photo.pixels, boxes=boxes)])
            upside.append(_turned(network, photo.pixels, box, own=read[-1][0]))
    R, Q = np.array(true), np.array(read)
    off = geodesic_deg(Q, R[:, None])
    front = np.degrees(np.arccos(np.clip(R[:, 2, 2], -1, 1))) < BORDER_DEG
    constant = np.asarray(nearest_rotation(np.einsum("nij,nkj->ik", R, Q[:, 0])))
    return {
        "heads": len(R),
        "apart_mean": float(off.mean()),
        "apart_median": float(np.median(off.mean(1))),
        "apart_front": float(off[front].mean()),
        "apart_side": float(off[~front].mean()),
        "apart_without_constant": float(geodesic_deg(constant @ Q, R[:, None]).mean()),
        "turn": float(geodesic_deg(Q[:, 1:], Q[:, :1]).mean()),
        "turned_90_180_270": np.mean(upside, axis=0).round(3).tolist(),
    }


def _turned(
    network: PoseEstimator, pixels: NDArray[np.uint8], box: NDArray[np.float64], *, own: NDArray[np.float64]
) -> list[float]:
    """Give how far answers lie from the upright one when the picture lies on a side or upside down."""
    off, boxes = [], box[None]
    for quarters in (1, 2, 3):
        boxes = quarter_turned(boxes, width=pixels.shape[1])
        pixels = np.ascontiguousarray(np.rot90(pixels))
        (head,) = network(pixels, boxes=boxes)
        turn = rotation_from_euler(yaw=0, pitch=0, roll=-90.0 * quarters)
        off.append(float(geodesic_deg(turn @ own, np.asarray(head.rotation))))
    return off


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the CC0 photographs")
    parser.add_argument("--peers", type=Path, required=True, help="folder of the published networks")
    parser.add_argument("--model", default="small", help="pose network: a name or a file")
    parser.add_argument("--tta", action="store_true", help="read every head in four boxes")
    parser.add_argument(
        "--part", choices=("measure", "learn", "all"), default="measure", help="of the photographs"
    )
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    args = parser.parse_args()
    result = {
        **facts(threads=1),
        "model": args.model,
        "tta": args.tta,
        "part": args.part,
        "peer": PEER,
        **measure(args),
    }
    for name in (
        "heads",
        "apart_mean",
        "apart_median",
        "apart_front",
        "apart_side",
        "apart_without_constant",
        "turn",
    ):
        print(f"{name:<24} {result[name]:.2f}")
    print(f"{'turned_90_180_270':<24} {result['turned_90_180_270']}")
    print(save_result(result, suite="agreement-tta" if args.tta else "agreement", folder=args.results))


if __name__ == "__main__":
    main()
