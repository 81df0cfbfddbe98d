"""What docs/output.md says is what comes out."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from facing.cli import main
from facing.output.writers.csv import COLUMNS
from facing.runtime.weights import weights_path

PAGE = Path(__file__).parents[2] / "docs" / "output.md"
DEMO = Path(weights_path("small")).parent / "demo.jpg"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    for name in ("photo.jpg", "a.jpg", "b.jpg"):
        shutil.copy(DEMO, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_of_the_page_runs(photos):
    space = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), space)
    assert len(space["heads"]) > 1
    assert len(space["boxes"]) == len(space["scores"]) > 1
    assert space["drawn"].shape == space["picture"].shape


def test_the_table_of_fields_is_complete(photos, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["estimate", "photo.jpg", "--format", "jsonl"])
    (line,) = capsys.readouterr().out.splitlines()
    table = PAGE.read_text(encoding="utf-8").partition("## On the command line")[0]
    for field in json.loads(line)["heads"][0]:
        assert f"`{field}`" in table, field


def test_the_columns_of_csv_are_told(photos, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["estimate", "photo.jpg", "--format", "csv"])
    assert next(csv.reader(capsys.readouterr().out.splitlines())) == list(COLUMNS)
    told = PAGE.read_text(encoding="utf-8")
    for column in COLUMNS:
        if not re.fullmatch(r"r\d\d|[xy]\d|file|width|height", column):
            assert f"`{column}`" in told, column
