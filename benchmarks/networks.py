"""Time the pose networks alone, at one head and at 32, beside published ones: one thread, warm, in one run.

    python benchmarks/networks.py --models small nano --peers ../shared/peers

Pixels lie ready, so neither detector nor crop is timed; benchmarks/speed.py times the whole way.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from facing.bench.machine import facts, save_result
from facing.bench.networks import measure_networks, own_network, published_networks
from facing.errors import FacingError


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["small"], help="our pose networks: names or files")
    parser.add_argument("--peers", type=Path, help="folder of the published networks; without it only ours")
    parser.add_argument("--threads", type=int, default=1, help="threads of one network call")
    parser.add_argument("--repeats", type=int, default=30, help="timed runs of each network")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    given = parser.parse_args()
    described = facts(threads=given.threads)
    networks = [own_network(model, threads=given.threads) for model in given.models]
    if given.peers is not None:
        networks += published_networks(given.peers, threads=given.threads)
    rows = measure_networks(networks, repeats=given.repeats)
    print(
        f"{'network':<32} {'MB':>5}  {'1 head':>8} {'spread':<12} {'ratio':>6}  {'32 heads':>9} {'ratio':>6}"
    )
    for row in rows:
        one, many = row["batch_1"], row["batch_32"]
        print(
            f"{row['name']:<32} {row['mb']:>5.1f}  {one['median_ms']:>8.2f} "
            f"{one['p10_ms']:.2f}..{one['p90_ms']:<6.2f} {one['ratio']:>6.2f}  {many['median_ms']:>9.1f} "
            f"{many['ratio']:>6.2f}{'' if row['batched'] else '  one at a time'}"
        )
    print("milliseconds a run, medians; spread: middle 80 %; ratio: to the first network")
    result = {**described, "suite": "networks", "repeats": given.repeats, "networks": rows}
    print(f"wrote {save_result(result, suite='networks', folder=given.results)}")


if __name__ == "__main__":
    try:
        main()
    except FacingError as error:
        sys.exit(f"networks.py: {error}")
