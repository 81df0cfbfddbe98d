import itertools
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.datasets.head_box import head_points
from facing.datasets.readers.biwi import CENTRE_CM, NOMINAL, read_colour_camera, read_pose
from facing.datasets.sample import LeftOut, Sample, load_reader, sample_pixels
from facing.errors import DataError
from facing.geometry.rotation import euler_from_rotation

SHARED = Path(__file__).parents[2].parent / "shared"
BIWI = SHARED / "data" / "BIWI"
READER = load_reader("biwi")
CENTRE = (65.0, 34.0, 878.0)
NAPE_PX = 4.5  # 0.9 cm that the back of the neutral head hangs below its chin, 1 m from this camera
CAL = """517.679 0 320
0 517.679 240.5
0 0 1

0 0 0 0

0.999947 0.00432361 0.00929419
-0.00446314 0.999877 0.0150443
-0.009228 -0.015085 0.999844

-24.0198 5.8896 -13.2308

640 480
"""

needs_biwi = pytest.mark.skipif(not BIWI.is_dir(), reason="needs the BIWI files beside the repository")


def usual_angles(turn):
    """Yaw, pitch, roll in degrees of the file's (..., 3, 3), as Hopenet and FSA-Net compute them."""
    A = np.swapaxes(turn, -1, -2)
    yaw = -np.arctan2(-A[..., 2, 0], np.hypot(A[..., 2, 1], A[..., 2, 2]))
    pitch, roll = np.arctan2(A[..., 2, 1], A[..., 2, 2]), -np.arctan2(A[..., 1, 0], A[..., 0, 0])
    return np.degrees(np.stack([yaw, pitch, roll], axis=-1))


def write_frame(folder, number, *, turn, form="txt", picture=True):
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"frame_{number:05d}"
    if form == "txt":
        rows = "".join(" ".join(f"{value:.6f}" for value in row) + " \n" for row in turn.as_matrix())
        place = " ".join(f"{value:.3f}" for value in CENTRE)
        (folder / f"{stem}_pose.txt").write_text(f"{rows}\n{place} \n\n")
    elif form == "bin":
        angles = turn.as_euler("xyz", degrees=True)
        (folder / f"{stem}_pose.bin").write_bytes(struct.pack("<6f", *CENTRE, *angles))
    if picture:
        Image.new("RGB", (640, 480)).save(folder / f"{stem}_rgb.png")


def read(path):
    return list(READER.samples(path))


@needs_biwi
def test_all_pose_files_read_as_the_usual_protocol_reads_them(tmp_path):
    with tarfile.open(BIWI / "db_annotations.tgz") as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            file = tmp_path / member.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tar.extractfile(member).read())
    files = sorted(tmp_path.glob("*/*_pose.bin"))
    numbers = np.array([struct.unpack("<6f", file.read_bytes()) for file in files])
    turns = Rotation.from_euler("xyz", numbers[:, 3:], degrees=True).as_matrix()
    poses = [read_pose(file) for file in files]
    found = np.stack(euler_from_rotation(np.array([pose.rotation for pose in poses])), axis=-1)
    np.testing.assert_allclose(found, usual_angles(turns), atol=1e-5)
    np.testing.assert_array_equal([pose.centre_mm for pose in poses], numbers[:, :3])
    entries = read(tmp_path)
    assert len(entries) == 15677
    assert {entry.reason for entry in entries} == {"picture is missing"}
    assert {entry.key[:2] for entry in entries} == {f"{sequence:02d}" for sequence in range(1, 25)}


@needs_biwi
def test_genuine_frames_have_heads_before_the_wall():
    samples = read(BIWI)
    assert [sample.key for sample in samples] == [f"01/frame_{n:05d}" for n in (166, 169, 172, 175)]
    for sample in samples:
        # Looked at: crown at row 195, chin at 321, ears at columns 296 and 397. The hidden nape hangs lower.
        np.testing.assert_allclose(sample.heads[0].box, [296, 195, 397, 321 + NAPE_PX], atol=3)


@pytest.mark.parametrize("form", ["txt", "bin"])
@pytest.mark.parametrize("seed", range(3))
def test_both_pose_files_give_the_angles_of_the_usual_protocol(tmp_path, form, seed):
    limits = np.array([60, 75, 50])
    turn = Rotation.from_euler("xyz", np.random.default_rng(seed).uniform(-limits, limits), degrees=True)
    write_frame(tmp_path / "07", 3, turn=turn, form=form)
    (sample,) = read(tmp_path)
    head = sample.heads[0]
    np.testing.assert_allclose(euler_from_rotation(head.rotation), usual_angles(turn.as_matrix()), atol=1e-3)
    np.testing.assert_allclose(head.rotation @ head.rotation.T, np.eye(3), atol=1e-12)
    assert (sample.key, sample.source) == ("07/frame_00003", "07")


def test_box_is_the_outline_seen_by_the_colour_camera(tmp_path):
    turn = Rotation.from_euler("xyz", [5, -30, 10], degrees=True)
    write_frame(tmp_path / "01", 3, turn=turn)
    (sample,) = read(tmp_path)
    (tmp_path / "01" / "rgb.cal").write_text(CAL)
    (with_cal,) = read(tmp_path)
    assert with_cal.heads[0].box == sample.heads[0].box
    # By hand: head (y down, z away) -> depth camera -> colour camera -> pixels.
    points = 10 * (head_points().outline - CENTRE_CM) * [1, -1, -1]
    depth = turn.apply(points) + CENTRE
    x, y, z = (depth @ np.array(NOMINAL.rgb_from_depth).T + [-24.0198, 5.8896, -13.2308]).T
    u, v = 517.679 * x / z + 320, 517.679 * y / z + 240.5
    np.testing.assert_allclose(sample.heads[0].box, [u.min(), v.min(), u.max(), v.max()], atol=0.01)
    plain = CAL.replace("-24.0198", "75.9802")
    (tmp_path / "01" / "rgb.cal").write_text(plain)
    (shifted,) = read(tmp_path)
    assert shifted.heads[0].box[0] - sample.heads[0].box[0] == pytest.approx(517.679 * 100 / 865, rel=0.15)


def test_calibration_is_read(tmp_path):
    (tmp_path / "rgb.cal").write_text(CAL)
    for read_part, nominal in zip(read_colour_camera(tmp_path / "rgb.cal"), NOMINAL, strict=True):
        np.testing.assert_array_equal(read_part, nominal)
    (tmp_path / "rgb.cal").write_text("517 0 320\n")
    with pytest.raises(DataError, match="holds 3 numbers, a calibration has 27"):
        read_colour_camera(tmp_path / "rgb.cal")


def test_every_broken_frame_is_left_out_with_its_reason(tmp_path):
    still = Rotation.identity()
    write_frame(tmp_path / "hpdb" / "01", 3, turn=still)
    write_frame(tmp_path / "hpdb" / "01", 4, turn=still, form=None)
    write_frame(tmp_path / "hpdb" / "01", 5, turn=still, picture=False)
    write_frame(tmp_path / "hpdb" / "01", 6, turn=still)
    write_frame(tmp_path / "hpdb" / "01", 7, turn=still)
    write_frame(tmp_path / "hpdb" / "01", 8, turn=still, form="bin")
    write_frame(tmp_path / "hpdb" / "02", 3, turn=still)
    (tmp_path / "hpdb" / "01" / "frame_00006_pose.txt").write_text("1 0 0\n0 1 0\n")
    (tmp_path / "hpdb" / "01" / "frame_00007_pose.txt").write_text("1 0 0\n0 2 0\n0 0 1\n\n0 0 900\n")
    (tmp_path / "hpdb" / "01" / "frame_00008_pose.bin").write_bytes(b"1234567")
    (tmp_path / "hpdb" / "02" / "rgb.cal").write_text("torn")
    first, *rest = read(tmp_path)
    assert isinstance(first, Sample)
    assert rest == [
        LeftOut("01/frame_00004", "pose file is missing"),
        LeftOut("01/frame_00005", "picture is missing"),
        LeftOut("01/frame_00006", "label cannot be read"),
        LeftOut("01/frame_00007", "label cannot be read"),
        LeftOut("01/frame_00008", "label cannot be read"),
        LeftOut("02/frame_00003", "rgb.cal of its sequence cannot be read"),
    ]


def test_list_of_frames(tmp_path):
    for number in (3, 4, 5):
        write_frame(tmp_path / "01", number, turn=Rotation.identity())
    (tmp_path / "test.txt").write_text("01/frame_00005\n01/frame_00003\n")
    assert [sample.key for sample in read(tmp_path / "test.txt")] == ["01/frame_00005", "01/frame_00003"]
    (tmp_path / "test.txt").write_text("02/frame_00005\n")
    with pytest.raises(DataError, match=r"list test\.txt \(it holds .*01/"):
        read(tmp_path / "test.txt")


def crops(count, *, side=64):
    generator = np.random.default_rng(count)
    images = generator.integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    return images, generator.uniform(-60, 60, (count, 3))


def test_single_npz_of_fsa_net(tmp_path):
    images, poses = crops(5)
    np.savez(tmp_path / "BIWI_test.npz", image=images, pose=poses, img_size=64)
    for path in (tmp_path, tmp_path / "BIWI_test.npz"):
        samples = read(path)
        assert [sample.key for sample in samples] == [f"BIWI_test/{n:05d}" for n in range(5)]
        for sample, image, pose in zip(samples, images, poses, strict=True):
            np.testing.assert_array_equal(sample_pixels(sample), image[..., [2, 1, 0]])
            np.testing.assert_allclose(euler_from_rotation(sample.heads[0].rotation), pose)
            assert sample.heads[0].box is None


def test_one_npz_per_frame_and_its_list(tmp_path):
    images, poses = crops(3)
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", image=images[number], pose=poses[number], img_size=64)
    (tmp_path / "3.npz").write_bytes(b"PK broken")
    (tmp_path / "BIWI_test.txt").write_text("2\n3\n0\n")
    *samples, last = read(tmp_path)
    assert [sample.key for sample in samples] == ["0", "1", "2"]
    assert last == LeftOut("3", "label cannot be read")
    second, broken, zeroth = read(tmp_path / "BIWI_test.txt")
    np.testing.assert_array_equal(sample_pixels(second), images[2][..., [2, 1, 0]])
    np.testing.assert_allclose(euler_from_rotation(zeroth.heads[0].rotation), poses[0])
    assert isinstance(broken, LeftOut)


@pytest.mark.parametrize("single", [True, False])
def test_frames_of_npz_beside_each_other_share_a_source(tmp_path, single):
    """They come from one video: drawn singly, a held-out frame has neighbours that are learned from."""
    images, poses = crops(100, side=8)
    if single:
        for number in range(100):
            np.savez(tmp_path / f"{number}.npz", image=images[number], pose=poses[number])
    else:
        np.savez(tmp_path / "BIWI_train.npz", image=images, pose=poses)
    by_number = sorted(read(tmp_path), key=lambda sample: int(sample.key.split("/")[-1]))
    sources = [sample.source for sample in by_number]
    assert len(sources) == 100
    changes = sum(one != other for one, other in itertools.pairwise(sources))
    assert changes + 1 == len(set(sources)) == 20  # stretches of 5 frames
    assert not any(source.isdigit() for source in sources)  # as sequences are


def test_npz_whose_picture_is_broken_fails_when_it_is_read(tmp_path):
    np.savez(tmp_path / "0.npz", image=np.zeros(7), pose=np.zeros(3))
    (sample,) = read(tmp_path)
    with pytest.raises(DataError, match="0 cannot be decoded"):
        sample_pixels(sample)


@pytest.mark.parametrize(
    "arrays", [{"faces": np.zeros(3)}, {"image": np.zeros((2, 8, 8, 3)), "pose": np.zeros((3, 3))}]
)
def test_npz_of_something_else_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(DataError, match=r"other\.npz"):
        read(tmp_path / "other.npz")
