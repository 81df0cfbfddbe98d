"""Trainings of the toy task in `tests/plugin`, which comes in as a plug-in of another distribution does."""

import csv
import os
from pathlib import Path

from facing.training.recipe import recipe_from_dict

PLUGIN = Path(__file__).parent / "plugin"


def install_toy(monkeypatch):
    """Install the plug-in for this process and those it starts."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", "")]))


def toy_recipe(*, toy=None, optim=None, **top):
    settings = {
        "schema": 1,
        "name": "toy",
        "task": "toy",
        "licence": "CC0-1.0",
        "precision": "32",
        "data": [{"path": "none"}],
        "toy": toy or {},
        "optim": {"lr": 0.02, "batch": 16, "epochs": 3} | (optim or {}),
    }
    return recipe_from_dict(settings | top, where="test")


def rows(out):
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
