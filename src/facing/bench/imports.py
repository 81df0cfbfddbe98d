"""What it costs to have facing: the time of its import and the size of its install."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import distribution
from pathlib import Path

from facing.bench.speed import Timing

PROGRAMS = {
    "python alone": "pass",
    "numpy, onnxruntime, Pillow": "import numpy, onnxruntime, PIL.Image",
    "import facing": "import facing",
    "facing.PoseEstimator": "import facing; facing.PoseEstimator",
    "facing --version": "from facing.cli import main; main(['--version'])",
    "facing --help": "from facing.cli import main; main(['--help'])",
}
"""What a fresh process runs, by name."""


def measure_imports(*, repeats: int = 11) -> dict[str, dict[str, float]]:
    """Time whole fresh processes, in turn.

    Args:
        repeats: timed runs of each program, at least two, after one that fills the disk cache.

    Returns:
        Median, 10 % and 90 % in milliseconds by name of `PROGRAMS`.
    """
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for run in range(repeats + 1):
        for name, program in PROGRAMS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ours
            if run:
                spent[name].append(time.perf_counter() - start)
    return {name: Timing.of(seconds).to_dict() for name, seconds in spent.items()}


def install_sizes(package: str = "facing") -> dict[str, float]:
    """Add up the installed files of a package and of all it needs without extras.

    Args:
        package: name of an installed distribution.

    Returns:
        Megabytes (10^6 bytes) by distribution, largest first. Compiled .pyc files do not count: when they
        appear depends on use.
    """
    from packaging.requirements import Requirement  # onnxruntime brings it
    from packaging.utils import canonicalize_name

    sizes: dict[str, float] = {}
    waiting = [package]
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        found = distribution(name)
        files = [Path(str(file.locate())) for file in found.files or () if file.suffix != ".pyc"]
        sizes[name] = round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 2)
        needed = (Requirement(line) for line in found.requires or ())
        waiting += [
            canonicalize_name(need.name)
            for need in needed
            if need.marker is None or need.marker.evaluate({"extra": ""})
        ]
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))
