"""Names are file names."""

from __future__ import annotations

import sys

import pytest

from facing.errors import FacingError, MissingExtraError, UnknownNameError
from facing.registry import load, load_word, names, words


def test_listing_imports_nothing():
    for name in [n for n in sys.modules if n.startswith("facing.output.writers.")]:
        del sys.modules[name]
    assert "jsonl" in names("facing.output.writers")
    assert not [n for n in sys.modules if n.startswith("facing.output.writers.")]


def test_unknown_name_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no writer is called 'jsnol'\. Did you mean 'jsonl'"):
        load("facing.output.writers", "jsnol", attribute="WRITER", kind="writer")


def test_a_file_must_export_what_its_folder_promises():
    with pytest.raises(FacingError, match="exports no LOSS"):
        load("facing.output.writers", "jsonl", attribute="LOSS", kind="loss")


def test_a_missing_extra_gives_the_line_that_installs_it():
    assert 'pip install "facing[synth]"' in str(MissingExtraError.of(need="rendering heads", extra="synth"))


def test_words_are_names_as_they_are_typed():
    package = "facing.evaluation.protocols"
    assert len(words(package)) == len(names(package))
    assert any("-" in word for word in words(package))
    assert not any("_" in word for word in words(package))
    word = next(word for word in words(package) if "-" in word)
    typed = [
        load_word(package, one, attribute="PROTOCOL", kind="protocol")
        for one in (word, word.replace("-", "_"))
    ]
    assert typed[0] is typed[1]
    with pytest.raises(UnknownNameError, match=f"Did you mean '{word}'"):
        load_word(package, word + "x", attribute="PROTOCOL", kind="protocol")
