"""Sets of which no genuine file is at hand, written in their exact formats: two pictures each by default."""

import json

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.datasets.head_box import head_points

CHIN = 3414


def flame_like():
    """Give 5023 vertices in metres: our neutral head over and over, a neck below, the chin at 3414."""
    head = head_points()
    above = head.outline[head.outline[:, 1] >= head.landmarks[8, 1]]
    vertices = np.resize(above, (5023, 3))
    vertices[4000:4400] = [[2 * np.sin(i), -8 - i / 40, 3 * np.cos(i)] for i in range(400)]
    vertices[CHIN] = head.landmarks[8]
    return vertices / 100, above / 100


def head_annotation(*, turn, scale=1.0, place=(0.0, 0.0, -2.0), side=512.0):
    """Write vertices, model view and an OpenGL perspective that maps straight to pixels from the foot."""
    model_view = np.eye(4)
    model_view[:3, :3] = scale * turn
    model_view[:3, 3] = place
    focal = 1.5 * side
    projection = np.array(
        [[focal, 0, -side / 2, 0], [0, focal, -side / 2, 0], [0, 0, 1, 0.1], [0, 0, -1, 0]], dtype=float
    )
    return {
        "vertices": flame_like()[0].tolist(),
        "model_view_matrix": model_view.tolist(),
        "projection_matrix": projection.tolist(),
    }


def write_dad3dheads(folder, *, names=("a1", "b2"), side=512, split="train"):
    for part in ("images", "annotations"):
        (folder / split / part).mkdir(parents=True, exist_ok=True)
    items = []
    for number, name in enumerate(names):
        turn = Rotation.from_euler("y", 20.0 * number, degrees=True).as_matrix()
        annotation = json.dumps(head_annotation(turn=turn, side=side))
        (folder / split / "annotations" / f"{name}.json").write_text(annotation)
        Image.new("RGB", (side, side)).save(folder / split / "images" / f"{name}.png")
        items.append(
            {
                "item_id": name,
                "annotation_path": f"DAD-3DHeadsDataset/{split}/annotations/{name}.json",
                "img_path": f"DAD-3DHeadsDataset/{split}/images/{name}.png",
                "bbox": [200, 190, 110, 140],
                "attributes": {"quality": "hq", "gender": "undefined", "pose": "front"},
            }
        )
    (folder / split / f"{split}.json").write_text(json.dumps(items))
    return folder


def write_afw(folder):
    lines = {
        "1051618982_1": "1051618982_1 30.0 -5.0 2.5 100.0 120.0 180.0 210.0",
        "1051618982_2": "1051618982_2 -15.0 0.0 0.0 300.0 130.0 360.0 190.0",
        "111076519_1": "111076519_1 0.0 10.0 -3.0 50.5 60.5 130.0 150.0 ",
    }
    for name, line in lines.items():
        (folder / f"{name}.txt").write_text(line + "\n")
        Image.new("RGB", (480, 320)).save(folder / f"{name.split('_')[0]}.jpg")
    return folder


def write_quat_folder(folder):
    quaternion = Rotation.from_euler("y", 30, degrees=True).as_quat()
    texts = {"bbox": [10, 12, 90, 95], "info": quaternion, "angles": [0, np.radians(30), 0]}
    (folder / "bg_imgs").mkdir()
    for part, numbers in texts.items():
        (folder / part).mkdir()
        for name in ("a", "b"):
            (folder / part / f"{name}.txt").write_text(" ".join(f"{number:.6f}" for number in numbers) + "\n")
            Image.new("RGB", (100, 100)).save(folder / "bg_imgs" / f"{name}.jpg")
    return folder


def write_class_folder(folder):
    for name in ("front", "back"):
        (folder / name).mkdir()
        Image.new("RGB", (64, 64)).save(folder / name / "1.jpg")
    return folder


def write_csv(folder):
    for name in ("a", "b"):
        Image.new("RGB", (64, 64)).save(folder / f"{name}.png")
    (folder / "heads.csv").write_text("picture,x0,y0,x1,y1\na.png,4,5,50,60\nb.png,0,0,64,64\n")
    return folder


WRITTEN = {
    "dad3dheads": write_dad3dheads,
    "afw": write_afw,
    "quat-folder": write_quat_folder,
    "class-folder": write_class_folder,
    "csv": write_csv,
}
"""Reader -> function that writes its set into a folder and gives what the reader takes."""
