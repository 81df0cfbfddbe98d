"""Frames, poses, light and the asset pack, against independent formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facing.errors import DataError
from facing.geometry.rotation import euler_from_rotation, geodesic_deg
from facing.synth.assets import Pack, compile_pack
from facing.synth.body import FRAME_PITCH_DEG, frame_of
from facing.synth.light import harmonics_of, sample_light, sky_directions
from facing.synth.pose import project, sample_angles, sample_stance
from facing.synth.procedural import procedural_figure


def test_frame_is_blind_to_the_axes_a_mesh_was_made_in():
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(68, 3))
    turn = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix()
    scaled_and_turned = 1.3 * mean @ turn.T + [1.0, 2.0, 3.0]
    canonical = frame_of(scaled_and_turned, mean=mean) @ turn
    assert Rotation.from_matrix(canonical).as_euler("xyz", degrees=True) == pytest.approx(
        [FRAME_PITCH_DEG, 0, 0], abs=1e-6
    )


def test_frame_never_mirrors():
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(68, 3)) * [1, 1, 1e-9]
    assert np.linalg.det(frame_of(flat * [-1, 1, 1], mean=flat)) == pytest.approx(1)


def test_angles_cover_the_sphere_with_more_weight_near_the_front():
    rng = np.random.default_rng(2)
    yaw, pitch, roll = np.array([sample_angles(rng) for _ in range(4000)]).T
    assert yaw.min() < -170
    assert yaw.max() > 170
    assert abs(pitch).max() <= 70
    assert abs(roll).max() <= 60
    assert np.mean(abs(yaw) < 45) > 2 * np.mean(abs(yaw) > 135)


@pytest.mark.parametrize("framing", ["portrait", "bust"])
def test_label_box_and_axis_agree_with_the_projected_head(framing):
    rng = np.random.default_rng(3)
    for _ in range(20):
        figure = procedural_figure(rng)
        stance = sample_stance(rng, figure=figure, framing=framing)
        flat, depth = project(figure.head_points, bone=stance.bones[2], stance=stance)
        assert (depth > 0).all()
        assert np.concatenate([flat.min(0), flat.max(0)]) == pytest.approx(stance.box, abs=1e-6)
        middle = (flat.min(0) + flat.max(0)) / 2
        # The label is relative to the ray through the head, so the box sits on the optical axis.
        assert middle == pytest.approx(stance.centre, abs=2e-3)
        # The bone of the head turns mesh axes by label @ frame, and the stand-in's frame is the identity.
        assert geodesic_deg(stance.bones[2, :3, :3], stance.rotation @ figure.frame) < 1e-4


def test_head_turned_to_the_left_edge_has_positive_yaw_and_its_nose_there():
    rng = np.random.default_rng(4)
    seen = 0
    for _ in range(200):
        figure = procedural_figure(rng)
        stance = sample_stance(rng, figure=figure, framing="portrait")
        yaw, pitch, roll = (float(v) for v in euler_from_rotation(stance.rotation))
        if not (20 < abs(yaw) < 70 and abs(pitch) < 20 and abs(roll) < 20):
            continue
        points, _ = project(figure.landmarks, bone=stance.bones[2], stance=stance)
        nose, jaw = points[30, 0], points[:17, 0].mean()
        assert (nose < jaw) == (yaw > 0)
        seen += 1
    assert seen > 10


def test_harmonics_are_orthonormal_on_the_sphere():
    directions, solid = sky_directions(64, 128)
    basis = harmonics_of(directions).reshape(-1, 9)
    gram = basis.T @ (basis * solid.reshape(-1, 1))
    assert gram == pytest.approx(np.eye(9), abs=5e-3)
    assert solid.sum() == pytest.approx(4 * np.pi, rel=1e-3)


def test_even_light_is_even_and_chance_is_seeded():
    radiance = np.ones((16, 32, 3), np.float32)
    lights = [sample_light(np.random.default_rng(s), radiance=radiance, tilt=np.eye(3)) for s in (9, 9, 10)]
    assert lights[0].exposure == lights[1].exposure != lights[2].exposure
    assert np.abs(lights[0].harmonics[1:]).max() < 0.02 * np.abs(lights[0].harmonics[0]).max()


def test_pack_says_what_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"lacks makehuman/base\.npz"):
        compile_pack(tmp_path, tmp_path / "pack.zip")
    (tmp_path / "other.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match="facing synth assets"):
        Pack(tmp_path / "other.zip")
