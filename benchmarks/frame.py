"""Where the zero pose of 300W-LP's labels lies against the frame of our renders, by groups of landmarks.

    python benchmarks/frame.py --data ../shared/data/AFLW2000 --assets data/pack.zip

For each labelled head the 3D landmarks are turned back by the label and fitted to the canonical landmarks of
the renders. Only labels are read, no picture and no network. A group whose fit scatters little from head to
head is one that expressions do not move and that both models place alike: its mean is FRAME_PITCH_DEG.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from facing.bench.machine import facts, save_result
from facing.datasets.sample import LeftOut, load_reader
from facing.evaluation.protocol import apply_protocol, load_protocol
from facing.geometry.rotation import euler_from_rotation
from facing.synth.assets import Pack

GROUPS = {
    "all 68": np.arange(68),
    "without jaw": np.arange(17, 68),
    "without jaw and mouth": np.arange(17, 48),
    "eyes and nose": np.arange(27, 48),
    "jaw": np.arange(17),
    "mouth": np.arange(48, 68),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of AFLW2000")
    parser.add_argument("--assets", type=Path, required=True, help="asset pack of the renderer")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    given = parser.parse_args()
    canonical = Pack(given.assets).array("identities/mean_landmarks_ict")
    heads = []
    samples = apply_protocol(load_protocol("aflw2000-1969"), load_reader("aflw2000").samples(given.data))
    for sample in samples:
        if not isinstance(sample, LeftOut):
            (head,) = sample.heads
            # x right, y up, z to the viewer, as the canonical landmarks.
            heads.append((head.landmarks["pt3d_68"] * [1, -1, 1]) @ head.rotation)
    rows = {}
    print(
        "| landmarks | pitch label of a head that faces the camera squarely | scatter (sd) |\n|---|---|---|"
    )
    for name, group in GROUPS.items():
        ours = canonical[group] - canonical[group].mean(0)
        turns = [Rotation.align_vectors(head[group] - head[group].mean(0), ours)[0] for head in heads]
        pitch = [-float(euler_from_rotation(turn.as_matrix())[1]) for turn in turns]
        rows[name] = {"pitch_deg": round(float(np.mean(pitch)), 2), "sd_deg": round(float(np.std(pitch)), 2)}
        print(f"| {name} | {rows[name]['pitch_deg']:+.1f} | {rows[name]['sd_deg']:.1f} |")
    result = facts(threads=1) | {"heads": len(heads), "groups": rows}
    print(save_result(result, suite="frame", folder=given.results))


if __name__ == "__main__":
    main()
