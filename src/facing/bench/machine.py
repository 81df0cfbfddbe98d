"""What a measurement was made on, and where its result file goes."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from facing.atomic import new_file

SCHEMA = 1
LIBRARIES = ("facing", "numpy", "onnxruntime", "pillow")


def facts(*, threads: int) -> dict[str, Any]:
    """Describe the machine, the libraries and the commit.

    Args:
        threads: of one network call in this measurement.
    """
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "schema": SCHEMA,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "machine": {
            "cpu": _processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "load_before": [round(value, 2) for value in os.getloadavg()]
            if hasattr(os, "getloadavg")
            else None,
        },
        "threads": threads,
        "versions": versions,
    }


def save_result(result: dict[str, Any], *, suite: str, folder: Path, device: str = "cpu") -> Path:
    """Write `<folder>/<version>/<suite>--<machine>--<device>.json`.

    Args:
        result: what `facts` gave and the figures.
        suite: such as "speed".
        folder: `benchmarks/results` of the repository.
        device: "cpu" or what else the figures were measured on.

    Returns:
        The file.
    """
    machine = result["machine"]
    slug = re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']} {machine['cores']} cores".lower()).strip("-")
    path: Path = folder / result["versions"]["facing"] / f"{suite}--{slug}--{device}.json"
    with new_file(path) as part:
        part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    """Name the processor; Linux hides it from `platform`."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", table.read_text(), re.MULTILINE)
        if found:
            return found[1].replace("(R)", "").replace("(TM)", "").strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Give the commit of the checkout this file lies in, marked where files differ from it."""
    command = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
