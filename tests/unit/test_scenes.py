import json
import tarfile

import numpy as np
import pytest
from PIL import Image, ImageDraw

from facing.errors import DataError
from facing.shards import SCHEMA, ShardSample, encode, find_shards, read_shard, write_shard
from facing.synth import scenes
from facing.synth.scene_backgrounds import draw_background, load_backgrounds
from facing.synth.scene_camera import photograph
from facing.synth.scene_cutouts import (
    Cutout,
    cutout_from_sample,
    finished,
    mirrored,
    resized,
    tilted,
    without_head,
)
from facing.synth.scene_distractors import KINDS, draw_distractor
from facing.synth.scene_hair import can_be_painted, with_smooth_hair
from facing.synth.scenes import compose, write_scenes
from facing.terms import stated_terms

SIDE = 96
HEAD = np.array([30.0, 16.0, 62.0, 56.0])  # xyxy
RED = (250, 10, 10)


def marked_cutout(rotation=None):
    """A red oval that fills the head box, on a blue torso that is cut by the lower edge."""
    picture = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([24, 60, 70, SIDE], fill=(10, 10, 250, 255))
    draw.ellipse([30, 16, 61, 55], fill=(*RED, 255))
    return Cutout(picture, HEAD.copy(), np.eye(3) if rotation is None else rotation)


def red_box(picture):
    """Box of the reddish opaque pixels, found by looking."""
    pixels = np.asarray(picture.convert("RGBA")).astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > pixels[..., 2] + 60) & (pixels[..., 3] > 127))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def head_sample(number):
    label = {"schema": SCHEMA, "box": HEAD.tolist(), "rotation": np.eye(3).tolist(), "identity": number}
    return ShardSample(f"{number:04d}", encode(np.asarray(marked_cutout().picture)), label)


@pytest.fixture
def folders(tmp_path):
    write_shard(tmp_path / "heads" / "heads-00000.tar", [head_sample(n) for n in range(6)])
    (tmp_path / "behind").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, size=(80, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "behind" / "wall.jpg")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [mirrored, lambda head: resized(head, scale=1.7), lambda head: tilted(head, degrees=25.0)],
    ids=["mirrored", "resized", "tilted"],
)
def test_the_box_of_a_changed_cutout_is_where_its_head_is(change):
    changed = change(marked_cutout())
    assert changed.box == pytest.approx(red_box(changed.picture), abs=2.0)  # soft edges of one pixel


def test_a_mirrored_head_looks_to_the_other_side():
    from scipy.spatial.transform import Rotation

    rotation = Rotation.from_euler("YX", [40, 10], degrees=True).as_matrix()
    twice = mirrored(mirrored(marked_cutout(rotation)))
    once = mirrored(marked_cutout(rotation)).rotation
    assert twice.rotation == pytest.approx(rotation)
    assert once[:, 2] == pytest.approx(rotation[:, 2] * (-1, 1, 1))  # direction of the face
    assert np.linalg.det(once) == pytest.approx(1)


def test_a_tilted_head_turns_its_rotation_about_the_view_axis():
    from scipy.spatial.transform import Rotation

    turned = tilted(marked_cutout(), degrees=30.0).rotation
    # Counter-clockwise as seen is a positive turn about z, which points to the viewer.
    assert turned == pytest.approx(Rotation.from_euler("z", 30, degrees=True).as_matrix())


def test_a_torso_without_its_head_shows_no_head():
    pixels = np.asarray(without_head(marked_cutout()))
    assert not pixels[:50, :, 3].any()
    assert pixels[70:, 40, 3].all()


@pytest.mark.parametrize("grounded", [True, False])
def test_the_cut_edge_of_a_torso_does_not_stay(grounded):
    rng = np.random.default_rng(3)
    head = marked_cutout()
    picture = finished(rng, head, below=SIDE + 40, grounded=grounded)
    cover = np.asarray(picture)[..., 3]
    if grounded:
        assert cover[SIDE + 30, 47] == 255
    else:
        assert cover[SIDE - 1].max() < 128
    assert np.asarray(picture)[20:50, 40:55, 3].min() == 255  # the head stays whole


def test_boxes_of_a_scene_are_where_its_heads_are(monkeypatch):
    monkeypatch.setattr(scenes, "photograph", lambda _, scene: scene)
    seen = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        scene = compose(rng, heads=[marked_cutout()], backgrounds=[], size=128)
        assert scene.pixels.shape == (128, 128, 3)
        assert scene.boxes.shape[1:] == (4,)
        assert len(scene.boxes) == len(scene.rotations)
        for box in scene.boxes:
            x0, y0, x1, y1 = np.clip(box, 0, 128).round().astype(int)
            inner = scene.pixels[y0:y1, x0:x1].astype(int)
            assert inner.size > 0
            # What is left of the oval is at least 30 %, the oval is 78 % of its box; half is for lit colours.
            reddish = (inner[..., 0] > inner[..., 1] + 20) & (inner[..., 0] > inner[..., 2] + 20)
            seen += reddish.mean() > 0.1
    assert seen > 150


def test_a_hidden_head_is_ignored_and_a_half_hidden_one_counts():
    canvas = scenes._Canvas(Image.new("RGB", (200, 200)))
    head = marked_cutout()
    for x in (0, 100):
        canvas.paste(head.picture, at=(x, 0), head=head)
    cover = Image.new("RGBA", (40, 60), (9, 9, 9, 255))
    canvas.paste(cover, at=(int(HEAD[0]), int(HEAD[1]) + 8))  # covers all but the top fifth
    canvas.paste(cover, at=(100 + int(HEAD[0]), int(HEAD[1]) + 22))  # about half
    boxes, ignore, _ = canvas.verdict()
    assert boxes == pytest.approx(np.array([HEAD + np.array([100, 0, 100, 0])]))
    assert ignore == pytest.approx(np.array([HEAD]))


def test_a_head_that_is_gone_leaves_nothing():
    canvas = scenes._Canvas(Image.new("RGB", (100, 100)))
    canvas.paste(marked_cutout().picture, at=(0, 0), head=marked_cutout())
    canvas.paste(Image.new("RGBA", (100, 100), (9, 9, 9, 255)), at=(0, 0))
    boxes, ignore, rotations = canvas.verdict()
    assert len(boxes) == len(ignore) == len(rotations) == 0


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_scenes_keep_boxes_on_their_heads(turns):
    picture = Image.new("RGB", (80, 80))
    ImageDraw.Draw(picture).rectangle([10, 20, 29, 59], fill=RED)
    box = np.array([[10.0, 20.0, 30.0, 60.0]])
    scene = scenes.Scene(np.asarray(picture), box, box, np.eye(3)[None])
    turned = scenes._turned(scene, turns=turns, size=80)
    assert turned.boxes[0] == pytest.approx(red_box(Image.fromarray(turned.pixels)))
    # The crown (y up in the head) follows the picture.
    up = turned.rotations[0, :2, 1]
    assert up == pytest.approx([(0, 1), (-1, 0), (0, -1), (1, 0)][turns])


def test_equal_seeds_give_equal_scenes_and_no_heads_give_no_boxes():
    first, second = (
        compose(np.random.default_rng(5), heads=[marked_cutout()], backgrounds=[], size=64) for _ in "ab"
    )
    assert np.array_equal(first.pixels, second.pixels)
    empty = [compose(np.random.default_rng(n), heads=[], backgrounds=[], size=64) for n in range(10)]
    assert all(len(scene.boxes) == 0 for scene in empty)


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_every_distractor_is_drawn_and_differs_by_chance(number):
    drawn = [KINDS[number][0](np.random.default_rng(n), 64, (200, 150, 120)) for n in range(3)]
    assert all(picture.mode == "RGBA" and picture.size == (64, 64) for picture in drawn)
    assert all(np.asarray(picture)[..., 3].mean() > 2 for picture in drawn)
    assert len({picture.tobytes() for picture in drawn}) == 3
    assert draw_distractor(np.random.default_rng(0), side=9, skin=RED).size == (9, 9)


def test_backgrounds_fill_the_frame(folders):
    sources = load_backgrounds([folders / "behind"])
    for seed in range(30):
        assert draw_background(np.random.default_rng(seed), sources=sources, size=(50, 30)).size == (50, 30)
    with pytest.raises(DataError, match="name a folder of backgrounds"):
        load_backgrounds([folders / "heads"])


def test_a_camera_keeps_the_size():
    scene = Image.new("RGB", (40, 30), (120, 90, 60))
    taken = [photograph(np.random.default_rng(n), scene) for n in range(40)]
    assert all(picture.size == scene.size and picture.mode == "RGB" for picture in taken)


def test_shards_are_written_once_and_split_over_machines(folders, monkeypatch):
    monkeypatch.setattr(scenes, "SHARD_SCENES", 4)
    told = []

    def write(out, **options):
        return write_scenes(
            folders / "heads",
            out,
            backgrounds=[folders / "behind"],
            count=10,
            size=64,
            progress=told.append,
            **options,
        )

    assert write(folders / "whole") == 10
    assert told == [4, 8, 10]
    assert write(folders / "whole") == 0
    assert write(folders / "parts", shard=(1, 2)) == 4
    assert write(folders / "parts", shard=(0, 2)) == 6
    for name in ("whole", "parts"):
        assert len(find_shards(folders / name, kind="scenes")) == 3
    both = [
        [path.read_bytes() for path in find_shards(folders / name, kind="scenes")]
        for name in ("whole", "parts")
    ]
    assert both[0] == both[1]
    samples = [
        sample for path in find_shards(folders / "whole", kind="scenes") for sample in read_shard(path)
    ]
    assert all(set(sample.label) == {"schema", "boxes", "ignore", "rotations"} for sample in samples)
    assert all(sample.pixels().shape == (64, 64, 3) for sample in samples)


def test_labels_are_plain_json(folders, monkeypatch):
    monkeypatch.setattr(scenes, "SHARD_SCENES", 3)
    write_scenes(folders / "heads", folders / "out", backgrounds=[folders / "behind"], count=3, size=64)
    with tarfile.open(next((folders / "out").glob("*.tar"))) as tar:
        stream = tar.extractfile(next(m for m in tar.getmembers() if m.name.endswith(".json")))
        assert json.load(stream)["schema"] == SCHEMA


def test_scenes_are_bound_by_what_they_were_composed_of(folders, caplog):
    write_scenes(folders / "heads", folders / "said", backgrounds=[folders / "behind"], count=0, size=64)
    terms = stated_terms(folders / "said")
    assert terms["licence"].startswith("unknown for ")
    assert "behind" in terms["licence"]
    assert "write facing-set.json into it" in caplog.text


def test_wrong_input_is_named(folders):
    with pytest.raises(DataError, match="2/2"):
        write_scenes(
            folders / "heads", folders / "o", backgrounds=[folders / "behind"], count=1, shard=(2, 2)
        )


def test_a_render_that_fills_its_picture_is_a_cutout_all_over():
    # WebP stores no coverage where nothing is uncovered.
    label = {"schema": SCHEMA, "box": [0, 0, 8, 8], "rotation": np.eye(3).tolist()}
    full = ShardSample("k", encode(np.full((8, 8, 4), 255, dtype=np.uint8)), label)
    assert np.asarray(cutout_from_sample(full).picture)[..., 3].min() == 255


BEHIND = np.diag([-1.0, 1.0, -1.0])


def test_smooth_hair_is_for_upright_heads_seen_from_behind():
    upside_down = np.diag([1.0, -1.0, -1.0])
    assert can_be_painted(marked_cutout(BEHIND))
    assert not can_be_painted(marked_cutout())
    assert not can_be_painted(marked_cutout(upside_down))


@pytest.mark.parametrize("seed", range(5))
def test_smooth_hair_covers_the_head_and_leaves_box_and_far_pixels(seed):
    bare = marked_cutout(BEHIND)
    haired = with_smooth_hair(np.random.default_rng(seed), bare)
    np.testing.assert_array_equal(haired.box, bare.box)
    np.testing.assert_array_equal(haired.rotation, bare.rotation)
    before, after = (np.asarray(head.picture).astype(int) for head in (bare, haired))
    assert (after[20:42, 40:52, 3] == 255).all()
    assert (np.abs(after - before)[20:42, 40:52, :3].max(-1) > 20).all()  # nothing of the red is left
    assert (after[:8] == before[:8]).all()
    again = with_smooth_hair(np.random.default_rng(seed), bare)
    np.testing.assert_array_equal(np.asarray(again.picture), after)


@pytest.mark.parametrize(("azimuth", "bowed"), [(180.0, False), (None, True)])
def test_people_of_a_scene_hold_themselves_alike(azimuth, bowed):
    down = np.array([[1.0, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])  # the face points down the picture
    heads = [marked_cutout(turn) for turn in (np.eye(3), BEHIND, down)]
    manner = scenes._Manner(azimuth=azimuth, bowed=bowed)
    rng = np.random.default_rng(0)
    drawn = [scenes._chosen(rng, heads, side=20.0, manner=manner).rotation for _ in range(200)]
    alike = [turn[1, 2] < scenes.BOWED if bowed else turn[2, 2] < 0 for turn in drawn]
    assert np.mean(alike) > (0.8 if bowed else 0.95)


def test_scenes_hold_smooth_hair(folders, monkeypatch):
    backgrounds = load_backgrounds([folders / "behind"])
    pictures = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(scenes, "SMOOTH_HAIR", share)
        found = [
            compose(np.random.default_rng(s), heads=[marked_cutout(BEHIND)], backgrounds=backgrounds, size=96)
            for s in range(12)
        ]
        pictures.append(sum(red_share(scene.pixels) for scene in found if len(scene.boxes)))
    assert pictures[1] < 0.4 * pictures[0]  # the background is noise, red in part


def red_share(pixels):
    red, _, blue = np.moveaxis(pixels.astype(int), -1, 0)
    return float((red > blue + 60).mean())
