"""Scripts and benches, which are no part of the package, as modules."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def load_script(path):
    """Import a file of the repository, given from its root, without running its main."""
    file = ROOT / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
