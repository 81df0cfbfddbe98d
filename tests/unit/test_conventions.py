"""Foreign conventions: both ways, against formulas written independently, and on real labels."""

import math
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from facing.errors import DataError
from facing.geometry import conventions as sets
from facing.geometry import conventions_methods as methods
from facing.geometry import conventions_systems as systems
from facing.geometry.rotation import euler_from_rotation, front_from_rotation, rotation_from_euler

SHARED = Path(__file__).parents[2].parent / "shared"
GENERATOR = np.random.default_rng(7)
ALL = Rotation.random(300, random_state=GENERATOR).as_matrix()
Y, P, R = GENERATOR.uniform(-80, 80, (3, 300))
FACES = rotation_from_euler(yaw=Y, pitch=P, roll=R)
D = np.diag([1.0, -1.0, -1.0])
CAMERA = Rotation.from_euler("xyz", [20, 140, 60], degrees=True).as_matrix()
# Angles lose digits near their locks: 1e-15 in the matrix over a cosine of 1e-3 for the closest of 300.
ATOL = 1e-10


def scipy_matrix(order, *degrees):
    return Rotation.from_euler(order, np.stack(degrees, -1), degrees=True).as_matrix()


def by_name(function):
    return lambda triple: function(yaw=triple[0], pitch=triple[1], roll=triple[2])


def openface(triple):
    return systems.rotation_from_openface(pose_rx=triple[0], pose_ry=triple[1], pose_rz=triple[2])


def camera_transform():
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = CAMERA, (3, 2, 1)
    return transform


ROUND_TRIPS = {
    "pose_para": (sets.pose_para_from_rotation, sets.rotation_from_pose_para),
    "biwi_txt": (sets.biwi_txt_from_rotation, sets.rotation_from_biwi_txt),
    "biwi_bin": (sets.biwi_bin_from_rotation, sets.rotation_from_biwi_bin),
    "biwi_rgb": (
        lambda M: sets.biwi_rgb_from_rotation(M, rgb_from_depth=CAMERA),
        lambda R: sets.rotation_from_biwi_rgb(R, rgb_from_depth=CAMERA),
    ),
    "dad3dheads": (sets.dad3dheads_from_rotation, sets.rotation_from_dad3dheads),
    "dad3dheads_benchmark": (
        sets.dad3dheads_benchmark_from_rotation,
        sets.rotation_from_dad3dheads_benchmark,
    ),
    "pyramid": (sets.pyramid_from_rotation, sets.rotation_from_pyramid),
    "aflw_rad": (sets.aflw_rad_from_rotation, by_name(sets.rotation_from_aflw_rad)),
    "aflw_deg": (sets.aflw_deg_from_rotation, by_name(sets.rotation_from_aflw_deg)),
    "hopenet": (methods.hopenet_from_rotation, by_name(methods.rotation_from_hopenet)),
    "draw_axis": (methods.draw_axis_from_rotation, methods.rotation_from_draw_axis),
    "sixdrepnet": (methods.sixdrepnet_from_rotation, methods.rotation_from_sixdrepnet),
    "img2pose": (methods.img2pose_from_rotation, methods.rotation_from_img2pose),
    "synergynet": (methods.synergynet_from_rotation, by_name(methods.rotation_from_synergynet)),
    "opal": (methods.opal_from_rotation, methods.rotation_from_opal),
    "opentrack_network": (methods.opentrack_network_from_rotation, methods.rotation_from_opentrack_network),
    "opencv_up": (systems.opencv_model_up_from_rotation, systems.rotation_from_opencv_model_up),
    "opencv_down": (systems.opencv_model_down_from_rotation, systems.rotation_from_opencv_model_down),
    "mediapipe": (systems.mediapipe_from_rotation, systems.rotation_from_mediapipe),
    "arkit": (
        lambda M: systems.arkit_from_rotation(M, camera_transform=camera_transform()),
        lambda T: systems.rotation_from_arkit(T, camera_transform=camera_transform()),
    ),
    "openface": (systems.openface_from_rotation, openface),
    "opentrack_packet": (
        lambda M: [systems.opentrack_packet_from_rotation(one) for one in M],
        lambda packets: np.stack([systems.rotation_from_opentrack_packet(one) for one in packets]),
    ),
    "ros": (systems.ros_from_rotation, systems.rotation_from_ros),
    "adas": (systems.adas_from_rotation, by_name(systems.rotation_from_adas)),
    "kinect1": (systems.kinect1_from_rotation, by_name(systems.rotation_from_kinect1)),
    "kinect2": (systems.kinect2_from_rotation, systems.rotation_from_kinect2),
    "rekognition": (systems.rekognition_from_rotation, by_name(systems.rotation_from_rekognition)),
    "skybiometry": (systems.skybiometry_from_rotation, by_name(systems.rotation_from_skybiometry)),
}
LOSSY = {"compact_vector", "whenet_bins", "pointing04"}


def test_every_pair_is_listed():
    names = [name for module in (sets, methods, systems) for name in vars(module) if name[0] != "_"]
    own = {
        name
        for name in names
        if getattr(globals_of(name), "__module__", "").startswith("facing.geometry.conv")
    }
    there = {name.removesuffix("_from_rotation") for name in own if name.endswith("_from_rotation")}
    back = {name.removeprefix("rotation_from_") for name in own if name.startswith("rotation_from_")}
    assert there == back
    listed = {name.replace("opencv_", "opencv_model_") for name in ROUND_TRIPS} | LOSSY
    assert there == listed


def globals_of(name):
    return next(getattr(module, name) for module in (sets, methods, systems) if hasattr(module, name))


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_there_and_back_is_the_same_rotation(name):
    there, back = ROUND_TRIPS[name]
    np.testing.assert_allclose(back(there(ALL)), ALL, atol=ATOL)


@pytest.mark.parametrize("name", ROUND_TRIPS)
@pytest.mark.parametrize("yaw", [90.0, -90.0])
def test_there_and_back_holds_at_the_gimbal_lock(name, yaw):
    there, back = ROUND_TRIPS[name]
    M = rotation_from_euler(yaw=[yaw, yaw], pitch=[20.0, -100.0], roll=[10.0, 0.0])
    np.testing.assert_allclose(back(there(M)), M, atol=1e-7)  # rotation.GIMBAL


def test_matrix_forms_equal_their_published_expressions():
    transposed = Rotation.from_matrix(np.swapaxes(sets.pyramid_from_rotation(FACES), -1, -2))
    same = Rotation.from_euler("xyz", np.stack([P + 180, Y, R], -1), degrees=True).as_matrix()
    np.testing.assert_allclose(transposed.as_matrix(), same, atol=ATOL)
    img2pose = Rotation.from_rotvec(methods.img2pose_from_rotation(FACES)).inv()
    np.testing.assert_allclose(img2pose.as_euler("xyz", degrees=True), np.stack([P, -Y, -R], -1), atol=1e-9)
    np.testing.assert_allclose(methods.sixdrepnet_from_rotation(FACES), get_r(P, Y, R), atol=ATOL)
    np.testing.assert_allclose(methods.opal_from_rotation(FACES), scipy_matrix("XYZ", P, Y, R), atol=ATOL)
    rx, ry, rz = np.degrees(systems.openface_from_rotation(FACES))
    np.testing.assert_allclose(scipy_matrix("XYZ", rx, ry, rz), D @ FACES @ D, atol=ATOL)
    np.testing.assert_allclose([rx, ry, rz], [-P, Y, R], atol=1e-9)
    np.testing.assert_allclose(sets.dad3dheads_benchmark_from_rotation(FACES), D @ FACES, atol=ATOL)


def get_r(pitch, yaw, roll):
    """6DRepNet's get_R, its three matrices written out."""
    out = []
    for x, y, z in np.radians(np.stack([pitch, yaw, roll], -1)):
        Rx = [[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]]
        Ry = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
        Rz = [[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]]
        out.append(np.array(Rz) @ np.array(Ry) @ np.array(Rx))
    return np.stack(out)


def test_draw_axis_equals_hopenets_formulas():
    p, y, r = np.radians(P), -np.radians(Y), np.radians(R)
    sin, cos = np.sin, np.cos
    red = [cos(y) * cos(r), cos(p) * sin(r) + cos(r) * sin(p) * sin(y)]
    green = [-cos(y) * sin(r), cos(p) * cos(r) - sin(p) * sin(y) * sin(r)]
    blue = [sin(y), -cos(y) * sin(p)]
    expected = np.moveaxis(np.array([red, green, blue]), -1, 0)
    np.testing.assert_allclose(methods.draw_axis_from_rotation(FACES), expected, atol=ATOL)


def test_biwi_equals_the_formulas_of_the_usual_protocol():
    A = np.swapaxes(sets.biwi_txt_from_rotation(FACES), -1, -2)
    roll = -np.arctan2(A[:, 1, 0], A[:, 0, 0])
    yaw = -np.arctan2(-A[:, 2, 0], np.hypot(A[:, 2, 1], A[:, 2, 2]))
    pitch = np.arctan2(A[:, 2, 1], A[:, 2, 2])
    np.testing.assert_allclose(np.degrees([yaw, pitch, roll]), [Y, P, R], atol=1e-9)
    a1, a2, a3 = np.moveaxis(sets.biwi_bin_from_rotation(FACES), -1, 0)
    np.testing.assert_allclose(scipy_matrix("xyz", a1, a2, a3), np.swapaxes(A, -1, -2), atol=ATOL)
    in_rgb = sets.rotation_from_biwi_rgb(np.swapaxes(A, -1, -2), rgb_from_depth=CAMERA)
    np.testing.assert_allclose(in_rgb, D @ CAMERA @ D @ FACES, atol=ATOL)


def test_synergynet_equals_its_decomposition():
    M = FACES
    yaw, pitch, roll = methods.synergynet_from_rotation(M)
    np.testing.assert_allclose(np.radians(yaw), np.arcsin(M[:, 2, 0]), atol=1e-7)
    np.testing.assert_allclose(np.radians(pitch), np.arctan2(M[:, 2, 1], M[:, 2, 2]), atol=1e-9)
    np.testing.assert_allclose(np.radians(roll), np.arctan2(M[:, 1, 0], M[:, 0, 0]), atol=1e-9)


def test_whenet_bins_decode_by_their_lower_edge():
    yaw, pitch, roll = np.zeros(120), np.zeros(66), np.zeros(66)
    yaw[70], pitch[40], roll[30] = 1, 1, 1
    M = methods.rotation_from_whenet_bins(yaw=yaw, pitch=pitch, roll=roll)
    np.testing.assert_allclose(euler_from_rotation(M), (30, 21, -9), atol=1e-9)
    bins = methods.whenet_bins_from_rotation(FACES)
    for shares in bins:
        np.testing.assert_allclose(shares.sum(-1), 1)
        assert ((shares > 0).sum(-1) <= 2).all()
    back = methods.rotation_from_whenet_bins(yaw=bins[0], pitch=bins[1], roll=bins[2])
    np.testing.assert_allclose(back, FACES, atol=ATOL)


def test_vectors_and_pans_keep_the_facing_direction():
    y, p = np.radians(Y), np.radians(P)
    expected = np.stack([np.sin(y), np.sin(p) * np.cos(y), np.cos(p) * np.cos(y)], -1)
    vector = methods.compact_vector_from_rotation(FACES)
    np.testing.assert_allclose(vector, expected, atol=ATOL)
    np.testing.assert_allclose(
        methods.rotation_from_compact_vector(2 * vector),
        rotation_from_euler(yaw=Y, pitch=P, roll=0),
        atol=ATOL,
    )
    pan, tilt = sets.pointing04_from_rotation(ALL)
    M = sets.rotation_from_pointing04(pan=pan, tilt=tilt)
    np.testing.assert_allclose(front_from_rotation(M), front_from_rotation(ALL), atol=ATOL)
    np.testing.assert_allclose(M, scipy_matrix("YX", -pan, -tilt), atol=ATOL)


def test_aflw_is_one_pose_in_two_lists():
    np.testing.assert_allclose(
        sets.rotation_from_aflw_deg(yaw=Y, pitch=P, roll=R), scipy_matrix("YXZ", Y, -P, R), atol=ATOL
    )
    y, p, r = np.degrees(sets.aflw_rad_from_rotation(FACES))
    np.testing.assert_allclose([y, p, r], [Y, P, -R], atol=1e-9)


@pytest.mark.parametrize("model", ["up", "down"])
def test_opencv_vectors_project_to_the_picture_of_our_rotation(model):
    """X_cam = R X + t seen by OpenCV's camera, against our axes with the picture's y turned down."""
    M, head = FACES[3], GENERATOR.uniform(-1, 1, (10, 3))
    from_rotation = getattr(systems, f"opencv_model_{model}_from_rotation")
    matrix = Rotation.from_rotvec(from_rotation(M)).as_matrix()
    points = (head if model == "up" else head * [1, -1, -1]) @ matrix.T + [0, 0, 10]
    ours = head @ M.T + [0, 0, -10]
    np.testing.assert_allclose(
        points[:, :2] / points[:, 2:], np.stack([ours[:, 0], -ours[:, 1]], -1) / -ours[:, 2:], atol=1e-12
    )
    if model == "up":
        pitch_of_opencv = Rotation.from_rotvec(from_rotation(np.eye(3))).as_euler("xyz", degrees=True)[0]
        assert abs(pitch_of_opencv) == pytest.approx(180)


def test_transforms_lose_scale_and_place():
    transform = np.tile(np.eye(4), (300, 1, 1))
    transform[:, :3, :3], transform[:, :3, 3] = 7.5 * ALL, (1, 2, 3)
    np.testing.assert_allclose(systems.rotation_from_mediapipe(transform), ALL, atol=ATOL)
    np.testing.assert_allclose(sets.rotation_from_dad3dheads(transform), ALL, atol=ATOL)
    anchor = camera_transform() @ transform
    np.testing.assert_allclose(
        systems.rotation_from_arkit(anchor, camera_transform=camera_transform()), ALL, atol=ATOL
    )
    with pytest.raises(DataError, match="determinant"):
        sets.rotation_from_dad3dheads(np.diag([1.0, 1, -1, 1]))


def test_ros_axes_point_where_rep_103_says():
    """A face that looks into the lens: forward is -z of the optical frame, its left is x, its crown is -y."""
    turn = Rotation.from_quat(systems.ros_from_rotation(np.eye(3)))
    np.testing.assert_allclose(turn.apply(np.eye(3)), [[0, 0, -1], [1, 0, 0], [0, -1, 0]], atol=1e-12)


def test_adas_equals_its_documented_product():
    """R = Rz(yaw) Ry(pitch) Rx(-roll), x to the camera, y right, z up, by the directions of the face."""
    yaw, pitch, roll = methods.Euler(Y, P, R)
    matrix = scipy_matrix("ZYX", yaw, pitch, -roll)
    ours = systems.rotation_from_adas(yaw=yaw, pitch=pitch, roll=roll)
    right_up_viewer = matrix[:, [1, 2, 0], :]  # the rows y, z, x of the camera
    np.testing.assert_allclose(ours[..., 2], right_up_viewer[..., 0], atol=ATOL)  # out of the face
    np.testing.assert_allclose(ours[..., 1], right_up_viewer[..., 2], atol=ATOL)  # crown


@pytest.mark.parametrize(
    ("function", "signs"),
    [
        (methods.hopenet_from_rotation, (1, 1, 1)),
        (systems.kinect1_from_rotation, (-1, 1, 1)),
        (systems.rekognition_from_rotation, (1, -1, 1)),
        (systems.skybiometry_from_rotation, (1, -1, 1)),
        (methods.synergynet_from_rotation, (1, -1, -1)),
        (systems.adas_from_rotation, (-1, -1, 1)),
        (sets.aflw_deg_from_rotation, (-1, 1, -1)),
        (sets.aflw_rad_from_rotation, (1, 1, -1)),
    ],
)
def test_each_single_turn_has_the_stated_sign(function, signs):
    for axis, sign in enumerate(signs):
        given = [0.0, 0.0, 0.0]
        given[axis] = 20.0
        yaw, pitch, roll = given
        expected = np.array([0.0, 0.0, 0.0])
        expected[axis] = 20.0 * sign
        found = np.array(function(rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)), dtype=float)
        found = np.degrees(found) if function is sets.aflw_rad_from_rotation else found
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_kinect2_sees_a_face_that_turns_to_the_sensors_left_turn_left_in_the_picture():
    """Camera space: x to the sensor's left, y up, z out. A face looks along -z when it is frontal."""
    turned = Rotation.from_quat(systems.kinect2_from_rotation(rotation_from_euler(yaw=30, pitch=0, roll=0)))
    looks = turned.apply([0, 0, -1])
    np.testing.assert_allclose(looks, [0.5, 0, -math.sqrt(0.75)], atol=1e-12)


def test_an_opentrack_packet_is_six_little_endian_doubles():
    packet = systems.opentrack_packet_from_rotation(FACES[0], position_cm=(1.0, -2.0, 50.0))
    np.testing.assert_allclose(np.frombuffer(packet, "<f8"), [1, -2, 50, Y[0], P[0], R[0]], atol=1e-9)
    with pytest.raises(DataError, match="47 bytes"):
        systems.rotation_from_opentrack_packet(packet[:-1])


def needs(folder):
    path = SHARED / "data" / folder
    return pytest.mark.skipif(not path.exists(), reason=f"labelled pictures {path} are not here")


def landmarks_and_labels(paths, key):
    for path in paths:
        mat = loadmat(path)
        yield mat[key][:2, :].T, sets.rotation_from_pose_para(mat["Pose_Para"][0])


def offsets(points):
    """Nose from the eyes (x, share of eyes to mouth) and the subject's left eye below the right one."""
    eyes, mouth = points[36:48].mean(0), points[48:68].mean(0)
    size = np.linalg.norm(mouth - eyes)
    nose = points[30] - eyes
    drop = points[42:48].mean(0)[1] - points[36:42].mean(0)[1]
    return nose[0] / size, nose[1] / (mouth[1] - eyes[1]), drop / size


@needs("AFLW2000")
def test_aflw2000_landmarks_agree_with_the_signs_of_the_labels():
    rows = []
    for points, M in landmarks_and_labels(sorted((SHARED / "data/AFLW2000").rglob("*.mat")), "pt3d_68"):
        angles = np.array(euler_from_rotation(M), dtype=float)
        if np.all(np.abs(angles) < 60):
            rows.append([*angles, *offsets(points)])
    yaw, pitch, roll, nose_right, nose_low, left_eye_low = np.array(rows).T
    assert len(rows) > 100
    # Rank correlations; 0.87, 0.93 and 0.81 were seen, a wrong sign would turn them negative.
    assert spearmanr(yaw, -nose_right)[0] > 0.7
    assert spearmanr(pitch, -nose_low)[0] > 0.7
    assert spearmanr(roll, left_eye_low)[0] > 0.7


@needs("AFLW2000")
def test_aflw2000_rotation_is_the_one_that_turns_a_mean_face_onto_the_landmarks():
    """A rigid fit of the mean of all unturned faces to each picture's points gives the label back."""
    paths = sorted((SHARED / "data/AFLW2000").rglob("*.mat"))
    mats = [loadmat(path) for path in paths]
    turns = np.stack([sets.rotation_from_pose_para(mat["Pose_Para"][0]) for mat in mats])
    points = np.stack([mat["pt3d_68"].T * [1, -1, 1] for mat in mats])
    points = points - points.mean(1, keepdims=True)
    points /= np.linalg.norm(points, axis=(1, 2), keepdims=True)
    mean = (points @ turns).mean(0)
    fits = np.stack([Rotation.align_vectors(face, mean)[0].as_matrix() for face in points])
    right = Rotation.from_matrix(fits @ np.swapaxes(turns, -1, -2)).magnitude()
    wrong = Rotation.from_matrix(fits @ turns).magnitude()
    assert np.degrees(np.median(right)) < 5
    assert np.degrees(np.median(wrong)) > 20


@needs("300W_LP")
def test_the_300w_lp_pair_agrees_with_its_landmarks():
    (points, M), *_ = landmarks_and_labels(sorted((SHARED / "data/300W_LP").rglob("*.mat")), "pt2d")
    nose_right, _, _ = offsets(points)
    yaw = float(euler_from_rotation(M).yaw)
    assert abs(yaw) > 20
    assert np.sign(-nose_right) == np.sign(yaw)


@needs("BIWI")
def test_biwi_files_read_as_the_usual_protocol_reads_them():
    with tarfile.open(SHARED / "data/BIWI/db_annotations.tgz") as tar:
        members = [member for member in tar if member.name.endswith("_pose.bin")][::40]
        angles = np.array([struct.unpack("<6f", tar.extractfile(member).read())[3:] for member in members])
    A = np.swapaxes(scipy_matrix("xyz", *angles.T), -1, -2)
    yaw = -np.arctan2(-A[:, 2, 0], np.hypot(A[:, 2, 1], A[:, 2, 2]))
    pitch, roll = np.arctan2(A[:, 2, 1], A[:, 2, 2]), -np.arctan2(A[:, 1, 0], A[:, 0, 0])
    found = euler_from_rotation(sets.rotation_from_biwi_bin(angles))
    np.testing.assert_allclose(np.stack(found), np.degrees([yaw, pitch, roll]), atol=1e-5)
    # The set's known range: 75 degrees of yaw, 60 of pitch, all faces towards the camera.
    assert np.abs(found.yaw).max() < 90
    assert np.abs(found.pitch).max() < 90


def mean_picture(paths, box=None):
    stack = [np.asarray(Image.open(path).convert("L").crop(box).resize((24, 24)), float) for path in paths]
    mean = np.mean([(picture - picture.mean()) / (picture.std() + 1) for picture in stack], axis=0)
    return mean.ravel()


@needs("AFLW_crops")
@needs("AFLW2000")
def test_aflw_crops_turn_to_the_side_their_labels_say():
    """The mean of crops labelled as turned left looks like that of AFLW2000, whose sign landmarks prove."""
    by_side = {"left": [], "right": []}
    for path in sorted((SHARED / "data/AFLW2000").rglob("*.mat")):
        mat = loadmat(path)
        yaw = float(euler_from_rotation(sets.rotation_from_pose_para(mat["Pose_Para"][0])).yaw)
        if 35 < abs(yaw) < 90:
            low, high = mat["pt3d_68"][:2].min(1), mat["pt3d_68"][:2].max(1)
            picture = Image.open(path.with_suffix(".jpg")).convert("L").crop((*low, *high)).resize((24, 24))
            by_side["left" if yaw > 0 else "right"].append(np.asarray(picture, float))
    known = {side: np.mean([(p - p.mean()) / p.std() for p in stack], 0) for side, stack in by_side.items()}
    folder = SHARED / "data/AFLW_crops"
    found = {"left": [], "right": []}
    for line in (folder / "pose.csv").read_text().splitlines()[1:]:
        name, _, *angles = line.split(",")
        yaw, pitch, roll = map(float, angles)
        turned = float(euler_from_rotation(sets.rotation_from_aflw_deg(yaw=yaw, pitch=pitch, roll=roll)).yaw)
        if 35 < abs(turned) < 90:
            found["left" if turned > 0 else "right"].append(next(folder.rglob(name)))
    odd = known["left"] - known["right"]
    means = {side: mean_picture(paths, box=(15, 15, 105, 105)) for side, paths in found.items()}
    assert np.corrcoef((means["left"] - means["right"]), odd.ravel())[0, 1] > 0.2
