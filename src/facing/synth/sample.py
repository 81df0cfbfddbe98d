"""Index in, labelled head pictures out: the same seed and index give the same picture on every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.shards import SCHEMA, ShardSample, encode
from facing.synth.light import sample_light
from facing.synth.occluders import sample_occluder
from facing.synth.pose import Stance, project, sample_stance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.figure import Figure
    from facing.synth.person import PersonMaker
    from facing.synth.render import Frame, Renderer

VIEWS = 8  # views of one dressed person: building one costs as much as drawing two views
_HIDDEN_SLACK = 0.12  # dm a landmark may lie behind the drawn surface and still count as visible


def render_person(
    number: int, *, seed: int, framing: str, renderer: Renderer, maker: PersonMaker | None, pack: Pack | None
) -> Iterator[ShardSample]:
    """Draw all views of one person.

    Args:
        number: which person; views have indices number * VIEWS + 0..VIEWS-1.
        seed: of the whole set.
        framing: "portrait" or "bust".
        renderer: draws; its side gives the size of the pictures.
        maker: builds people from the pack; None draws the procedural stand-in.
        pack: where panoramas come from; None lights evenly.
    """
    rng = np.random.default_rng([seed, number])
    if maker is None:
        from facing.synth.procedural import procedural_figure

        figure = procedural_figure(rng)
    else:
        figure = maker.make(rng)
    renderer.load(figure)
    for view in range(VIEWS):
        rng = np.random.default_rng([seed, number, view + 1])
        stance = sample_stance(rng, figure=figure, framing=framing)
        light = sample_light(rng, radiance=_radiance(rng, pack=pack), tilt=stance.tilt)
        occluder = sample_occluder(rng, figure=figure, stance=stance, pack=pack)
        frame = renderer.draw(stance=stance, light=light, before=occluder.part if occluder else None)
        label = _label(figure, stance=stance, frame=frame, identity=number, side=renderer.side)
        label["tags"] |= {"occluder": occluder.name if occluder else "none", "infrared": light.infrared}
        yield ShardSample(f"{number * VIEWS + view:08d}", encode(frame.pixels), label)


def _radiance(rng: np.random.Generator, *, pack: Pack | None) -> NDArray[np.float32]:
    if pack is None:
        return np.ones((8, 16, 3), np.float32)
    light = pack.array("light/light")
    return np.asarray(light[rng.integers(len(light))], np.float32)


def _label(figure: Figure, *, stance: Stance, frame: Frame, identity: int, side: int) -> dict[str, Any]:
    points, depth = project(figure.landmarks, bone=stance.bones[2], stance=stance)
    drawn = len(frame.depth)
    at = np.floor(points * drawn).astype(int)
    inside = ((at >= 0) & (at < drawn)).all(1)
    column, row = np.clip(at, 0, drawn - 1).T
    visible = inside & (depth <= frame.depth[row, column] + _HIDDEN_SLACK)
    return {
        "schema": SCHEMA,
        "rotation": np.round(stance.rotation, 6).tolist(),
        "box": [round(v * side, 2) for v in stance.box],
        "landmarks": np.round(points * side, 2).tolist(),
        "visible": visible.astype(int).tolist(),
        "camera": {
            "focal_px": round(stance.focal * side, 2),
            "centre_px": [round(c * side, 2) for c in stance.centre],
        },
        "identity": identity,
        "tags": dict(figure.tags),
    }
