"""Figures in the documents are those of benchmarks/results."""

import pytest

from script_files import ROOT, load_script


@pytest.fixture(scope="module")
def tables():
    return load_script("benchmarks/tables.py")


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
