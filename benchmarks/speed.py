"""Time ours beside published systems: one thread, warm, a 640 x 480 picture with one head.

    python benchmarks/speed.py --picture face.jpg --peers ../shared/peers

Ours is the default detector and pose network. The others get YuNet as their detector.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from facing.bench.machine import facts, save_result
from facing.bench.peers import available_peers, load_peer
from facing.bench.speed import FRAME, System, frame_of, measure
from facing.errors import FacingError
from facing.picture import load_picture
from facing.runtime.detector import load_detector
from facing.runtime.estimator import PoseEstimator

YUNET = "yunet-n-dynamic.onnx"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--picture", type=Path, required=True, help="a picture with one clear face")
    parser.add_argument("--peers", type=Path, help="folder of the published networks; without it only ours")
    parser.add_argument("--model", default="small", help="our pose network: a name or a file")
    parser.add_argument("--detector", default="heads", help="our detector: a name or a file")
    parser.add_argument(
        "--yunet-side", type=int, default=FRAME[0], help="longer side of YuNet's pictures, pixels"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of one network call")
    parser.add_argument("--repeats", type=int, default=50, help="timed runs of each system")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    return parser.parse_args()


def systems(given: argparse.Namespace) -> list[System]:
    estimator = PoseEstimator(given.model, given.detector, threads=given.threads)
    detector = estimator.detector
    assert detector is not None
    ours = System(
        name=f"facing {estimator.card.name}",
        detector=f"facing {given.detector}",
        detect=lambda picture: detector.detect(picture).boxes,
        pose=lambda picture, head: estimator(picture, boxes=head[None]),
    )
    if given.peers is None:
        return [ours]
    yunet = load_detector(
        "yunet", model_file=given.peers / YUNET, long_side=given.yunet_side, threads=given.threads
    )
    others = [
        System(
            name=peer.name,
            detector="YuNet-n",
            detect=lambda picture: yunet.detect(picture).boxes,
            pose=load_peer(peer, folder=given.peers, threads=given.threads),
        )
        for peer in available_peers(given.peers)
    ]
    return [ours, *others]


def main() -> None:
    given = arguments()
    described = facts(threads=given.threads)
    picture = frame_of(load_picture(given.picture))
    rows = measure(systems(given), picture, repeats=given.repeats)
    result = {
        **described,
        "suite": "speed",
        "picture": {"width": FRAME[0], "height": FRAME[1], "heads": 1},
        "repeats": given.repeats,
        "yunet_side": given.yunet_side,
        "systems": rows,
    }
    print(f"{'system':<30} {'detector':<14} {'detect':>7} {'pose':>7} {'total':>7}  {'spread':<12} ratio")
    for row in rows:
        detect, pose, total = (row[stage]["median_ms"] for stage in ("detect", "pose", "total"))
        spread = f"{row['total']['p10_ms']:.1f}..{row['total']['p90_ms']:.1f}"
        print(
            f"{row['name']:<30} {row['detector']:<14} {detect:>7.2f} {pose:>7.2f} {total:>7.2f}  "
            f"{spread:<12} {row['ratio']:>5.2f}"
        )
    print("milliseconds, medians; spread: middle 80 % of the totals; ratio: total of the system / ours")
    print(f"wrote {save_result(result, suite='speed', folder=given.results)}")


if __name__ == "__main__":
    try:
        main()
    except FacingError as error:
        sys.exit(f"speed.py: {error}")
