"""What the README and the recipe page show runs as they show it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import facing
from facing.cli import GROUP, main
from facing.registry import names
from facing.runtime.weights import FOLDER

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
LOG = (TOP / "docs" / "log.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_two_commands_are_marked_once_each():
    for mark in ("run", "test"):
        assert README.count(f"<!-- stranger: {mark} -->") == 1


def test_every_command_it_names_exists():
    used = set(re.findall(r"^facing ([a-z]+)", "\n".join(blocks(README, "bash")), flags=re.MULTILINE))
    assert used
    assert used <= set(names(GROUP))


def shown_help(words, capsys):
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_every_option_it_names_exists(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = [line.split("#")[0] for block in blocks(README + LOG, "bash") for line in block.splitlines()]
    checked = 0
    for line in lines:
        words = line.split()
        if words[:1] != ["facing"]:
            continue
        verb = words[1:3] if words[1] in {"synth", "datasets"} else words[1:2]
        shown = shown_help(verb, capsys)
        for option in re.findall(r" (--[a-z-]+)", line):
            assert option in shown, f"{line}: {option} is not in the help of {verb}"
            checked += 1
    assert checked > 10


def test_the_python_snippet_runs(tmp_path, monkeypatch, capsys):
    (snippet,) = blocks(README, "python")
    shutil.copy(FOLDER / "demo.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(target):
    assert (TOP / target).exists()


def test_public_names_are_all_there():
    for name in facing.__all__:
        assert getattr(facing, name) is not None
