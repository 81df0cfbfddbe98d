"""Time `import facing` in fresh processes and add up the default install.

python benchmarks/imports.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facing.bench.imports import install_sizes, measure_imports
from facing.bench.machine import facts, save_result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=11, help="timed runs of each program")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    given = parser.parse_args()
    described = facts(threads=1)
    programs = measure_imports(repeats=given.repeats)
    sizes = install_sizes()
    result = {
        **described,
        "suite": "imports",
        "repeats": given.repeats,
        "programs": programs,
        "install_mb": sizes,
        "install_total_mb": round(sum(sizes.values()), 1),
    }
    for name, row in programs.items():
        print(f"{name:<28} {row['median_ms']:>7.1f} ms  ({row['p10_ms']:.1f}..{row['p90_ms']:.1f})")
    for name, size in sizes.items():
        print(f"{name:<28} {size:>7.1f} MB")
    print(f"{'default install':<28} {result['install_total_mb']:>7.1f} MB")
    print(f"wrote {save_result(result, suite='imports', folder=given.results)}")


if __name__ == "__main__":
    main()
