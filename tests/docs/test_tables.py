"""Figures in the documents are those of benchmarks/results."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "docs/model_card.md"])
def test_tables_hold_what_was_measured(tables, name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- figures: aims -->" in text
    assert tables.filled(text) == text


def test_a_changed_figure_is_noticed(tables):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    figure = tables.measures()[0].figure
    assert figure in text
    assert tables.filled(text.replace(figure, "1.00 / 2.00")) == text
