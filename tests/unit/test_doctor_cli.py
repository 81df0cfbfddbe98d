"""`facing datasets check` as it is typed, on written sets with faults and on genuine sets without."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from doctor_sets import picture, poses
from facing.cli import main
from facing.datasets.doctor import check_set, report_text
from facing.datasets.sample import LeftOut, Sample, load_reader
from facing.errors import ModelError
from facing.geometry.rotation import euler_from_rotation
from facing.runtime.weights import weights_path

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SETS = {
    "300w": "300W_pts",
    "300w-lp": "300W_LP",
    "aflw2000": "AFLW2000",
    "aflw-crops": "AFLW_crops",
    "biwi": "BIWI/hpdb",
    "cmu-faces": "CMU_faces",
    "dlib-faces": "dlib_faces",
    "drivface": "DrivFace",
    "pointing04": "Pointing04",
    "scut-head": "SCUT_HEAD",
}


def shipped() -> bool:
    try:
        return weights_path("small").is_file() and weights_path("heads").is_file()
    except ModelError:
        return False


needs_weights = pytest.mark.skipif(not shipped(), reason="the shipped weights are not here")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared labelled photographs are not here")


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["datasets", "check", *map(str, arguments)])
    return left.value.code


def write_table(folder: Path, *, count: int, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["picture,x0,y0,x1,y1,yaw,pitch,roll"]
    for index, rotation in enumerate(poses(count, seed=first)):
        name = f"{first + index:03}.png"
        Image.fromarray(picture(first + index)).save(folder / name)
        angles = euler_from_rotation(rotation)
        lines.append(f"{name},40,30,100,100,{angles.yaw:.4f},{angles.pitch:.4f},{angles.roll:.4f}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_healthy_table(tmp_path, capsys):
    folder = write_table(tmp_path, count=30)
    assert run(f"csv:{folder}", "--look-at", 0) == 0
    assert capsys.readouterr().out.endswith("\n\nno faults, no warnings, no notes\n")


def test_faults_give_exit_code_3_and_json_has_every_key(tmp_path, capsys):
    folder = write_table(tmp_path / "set", count=30)
    for name in ("003.png", "011.png", "012.png", "020.png"):
        (folder / name).write_bytes(b"broken")
    out = tmp_path / "report.json"
    assert run(f"csv:{folder}", "--look-at", 0, "--json", out) == 3
    printed = capsys.readouterr().out
    assert "FAULT    4 pictures cannot be read" in printed
    assert "003.png, 011.png, 012.png and 1 more" in printed
    assert "-> copy them again" in printed
    written = json.loads(out.read_text())
    assert written["schema"] == 1
    assert not written["healthy"]
    assert written["findings"][0]["keys"] == ["003.png", "011.png", "012.png", "020.png"]


def test_several_sets_and_leaks_against_another(tmp_path, capsys):
    train, test = (
        write_table(tmp_path / "train", count=20),
        write_table(tmp_path / "test", count=20, first=100),
    )
    out = tmp_path / "report.json"
    code = run(f"csv:{train}", f"csv:{test}", "--look-at", 0, "--json", out)
    assert code == 0
    assert len(json.loads(out.read_text())["sets"]) == 2
    shutil.copy(train / "005.png", test / "107.png")
    assert run(f"csv:{train}", "--against", f"csv:{test}", "--look-at", 0) == 3
    assert "005.png" in capsys.readouterr().out


def test_splits_of_one_folder_by_lists_of_keys(tmp_path):
    folder = write_table(tmp_path / "set", count=20)
    names = [f"{index:03}.png" for index in range(20)]
    (tmp_path / "train.txt").write_text("\n".join(names[:12]))
    (tmp_path / "val.txt").write_text("\n".join(names[12:]))
    both = ["--keys", tmp_path / "train.txt", "--against", f"csv:{folder}", "--look-at", 0]
    assert run(f"csv:{folder}", *both, "--against-keys", tmp_path / "val.txt") == 0
    (tmp_path / "val.txt").write_text("\n".join(names[11:]))
    assert run(f"csv:{folder}", *both, "--against-keys", tmp_path / "val.txt") == 3


def test_wrong_names_and_folders_are_usage_and_input(tmp_path, capsys):
    assert run(f"pointing05:{tmp_path}") == 2
    assert "Did you mean 'pointing04'" in capsys.readouterr().err
    assert run(f"aflw2000:{tmp_path}") == 3
    assert run("aflw2000") == 2


def test_a_limit_on_angles(tmp_path, capsys):
    folder = write_table(tmp_path, count=40)
    run(f"csv:{folder}", "--look-at", 0, "--max-angle", 30)
    assert "over 30 degrees" in capsys.readouterr().out


@needs_data
@needs_weights
@pytest.mark.parametrize("name", SETS)
def test_genuine_sets_have_no_faults(name):
    report = check_set(load_reader(name), DATA / SETS[name], threads=1, look_at=30, limit=120)
    assert report.healthy, report_text(report)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["healthy"]
    assert report.pictures > 0


@needs_data
@needs_weights
def test_boxes_of_other_places_are_seen_on_photographs():
    real = load_reader("aflw2000")
    samples = [one for one in real.samples(DATA / "AFLW2000") if isinstance(one, Sample)][:40]
    moved = [_moved(one) for one in samples]
    made = _reader_of(real, moved)
    found = {one.name: one for one in check_set(made, DATA, threads=1, look_at=30, limit=40).findings}
    assert found["box-elsewhere"].severity == "fault"
    assert found["box-elsewhere"].count > 15


@needs_data
def test_the_known_over_99_degrees_are_told():
    labels = list(load_reader("aflw2000").samples(DATA / "AFLW2000"))
    report = check_set(load_reader("aflw2000"), DATA / "AFLW2000", look_at=0)
    assert report.left_out == sum(isinstance(one, LeftOut) for one in labels) == 4
    (left,) = [one for one in report.findings if one.name == "left-out"]
    assert "99 degrees" in left.text
    assert left.count == 4


def _moved(sample):
    x0, y0, x1, y1 = sample.heads[0].box
    side = np.mean([x1 - x0, y1 - y0]) / 3
    return replace(
        sample, heads=(replace(sample.heads[0], box=(2.0, 2.0, 2 + side, 2 + side), landmarks={}),)
    )


def _reader_of(real, samples):
    return replace(real, samples=lambda _: iter(samples))
