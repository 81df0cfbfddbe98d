"""Draws posed figures off screen: OpenGL 3.3 through EGL, in software or on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.errors import FacingError, MissingExtraError
from facing.synth import shaders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.figure import Figure, Part
    from facing.synth.light import Light
    from facing.synth.pose import Stance

    Loaded = tuple[Part, Any, Any]  # a part, its vertex array, its vertex array for the shadow

# Supersampling 1.5 costs half of 2 and looks the same after the reduction (docs/log.md).
_SUPERSAMPLE = 1.5
_SHADOW_SIDE = 384
_NEAR, _FAR = 1.0, 60.0
# The shaders write square roots of light; displays want its power of 1 / 2.2, and cameras add some contrast.
_CURVE = (np.arange(256) / 255) ** (2 / 2.2)
_DISPLAY = np.round(255 * (0.65 * _CURVE + 0.35 * _CURVE**2 * (3 - 2 * _CURVE))).astype(np.uint8)
_LAYERS = ("opaque", "cut", "strands", "glass")


@dataclass(frozen=True, slots=True)
class Frame:
    """One drawn view."""

    pixels: NDArray[np.uint8]  # (S, S, 4): RGB and coverage, colour not multiplied by coverage
    depth: NDArray[np.float32]  # (D, D) distance along the view in dm at the drawn resolution, row 0 on top


class Renderer:
    """One OpenGL context with everything that stays on the device; one per process."""

    def __init__(self, *, side: int, pack: Pack | None = None) -> None:
        """Open a context.

        Args:
            side: side S of the pictures in pixels.
            pack: where textures come from; None draws plain parts only.

        Raises:
            MissingExtraError: moderngl is not installed.
            FacingError: no EGL context can be made.
        """
        try:
            import moderngl
        except ImportError as error:
            raise MissingExtraError.of(need="rendering heads", extra="synth") from error
        self._gl = moderngl
        try:
            self._ctx = moderngl.create_context(standalone=True, require=330, backend="egl")  # type: ignore[arg-type]
        except Exception as error:
            raise FacingError(
                f"no off-screen OpenGL 3.3 context ({error}); install a driver, "
                "on Debian: apt-get install libegl1 libgl1-mesa-dri"
            ) from error
        # What is gone by is freed in `load`, its own context being current: OpenGL knows things by numbers,
        # and the garbage collector would free those of another renderer that happen to be the same.
        self._ctx.gc_mode = "context_gc"
        self.side = side
        self._drawn = round(side * _SUPERSAMPLE)
        self._pack = pack
        ctx = self._ctx
        self._programs: dict[str, Any] = {
            name: ctx.program(vertex_shader=shaders.VERTEX, fragment_shader=text)
            for name, text in shaders.SURFACES.items()
        }
        self._shadow: Any = ctx.program(
            vertex_shader=shaders.SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT
        )
        size = (self._drawn, self._drawn)
        self._colour = ctx.texture(size, 4)
        self._depth = ctx.depth_texture(size)
        self._target = ctx.framebuffer([self._colour], self._depth)
        self._shadow_map = ctx.depth_texture((_SHADOW_SIDE, _SHADOW_SIDE))
        self._shadow_map.compare_func = "<="
        self._shadow_target = ctx.framebuffer(depth_attachment=self._shadow_map)
        self._textures: dict[str, Any] = {}
        self._static: dict[str, tuple[Any, Any]] = {}
        self._loaded: list[Loaded] = []
        self._figure: Figure | None = None

    def load(self, figure: Figure) -> None:
        """Put a figure on the device; it is then drawn in as many views as wanted."""
        # OpenGL works on the context that is current: with two renderers in a process, the younger one's.
        with self._ctx:
            self._load(figure)

    def _load(self, figure: Figure) -> None:
        self._loaded = []
        self._ctx.gc()
        seen = (part for part in figure.parts if part.visible is None or part.visible.any())
        self._loaded = sorted(((part, *self._upload(part)) for part in seen), key=_layer)
        self._figure = figure

    def _upload(self, part: Part) -> tuple[Any, Any]:
        mesh = part.topology
        corner = mesh.position
        if mesh.key not in self._static:
            still = np.concatenate([mesh.uv, part.shares[corner]], 1).astype(np.float32)
            paint = (
                part.paint
                if part.paint is not None
                else np.tile(np.array([1, 0, 0, 0], np.float32), (len(part.positions), 1))
            )
            still = np.concatenate([still, paint[corner]], 1).astype(np.float32)
            self._static[mesh.key] = (
                self._ctx.buffer(np.ascontiguousarray(still).tobytes()),
                self._ctx.buffer(reserve=24 * len(corner), dynamic=True),
            )
        static, moving = self._static[mesh.key]
        normals = mesh.normals(part.positions) if part.normals is None else part.normals
        moving.write(
            np.concatenate([part.positions[corner], normals[corner]], 1).astype(np.float32).tobytes()
        )
        drawn = mesh.triangles if part.visible is None else mesh.triangles[part.visible]
        indices = self._ctx.buffer(np.ascontiguousarray(drawn, np.int32).tobytes())
        layout = [(moving, "3f 3f", "position", "normal"), (static, "2f 2f 4f", "uv", "share", "paint")]
        program = self._programs[_surface(part)]
        vao = self._ctx.vertex_array(program, layout, indices, skip_errors=True)
        shadow = self._ctx.vertex_array(
            self._shadow, [(moving, "3f 12x", "position"), (static, "8x 2f 16x", "share")], indices
        )
        return vao, shadow

    def draw(self, *, stance: Stance, light: Light, before: Part | None = None) -> Frame:
        """Draw the loaded figure.

        Args:
            stance: pose and camera.
            light: light in camera axes.
            before: something held before the figure in this view only.
        """
        with self._ctx:
            return self._draw(stance, light, before)

    def _draw(self, stance: Stance, light: Light, before: Part | None) -> Frame:
        if self._figure is None:
            raise AssertionError("load a figure first")
        gl, ctx = self._gl, self._ctx
        loaded = self._loaded
        if before is not None:
            loaded = sorted([*loaded, (before, *self._upload(before))], key=_layer)
        bones = np.ascontiguousarray(stance.bones.transpose(0, 2, 1), np.float32).tobytes()
        light_view = self._light_view(stance, light=light)
        self._draw_shadow(loaded, bones=bones, light_view=light_view)

        self._target.use()
        ctx.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        ctx.enable(gl.DEPTH_TEST | gl.CULL_FACE)
        shared: dict[str, Any] = {
            "projection": _projection(stance).T.astype(np.float32).tobytes(),
            "bones": bones,
            "light_view": light_view,
            "harmonics": light.harmonics.astype(np.float32).tobytes(),
        }
        for program in self._programs.values():
            for name, value in shared.items():
                _set(program, name, value)
            _set(program, "key_direction", tuple(light.key_direction))
            _set(program, "key_colour", tuple(light.key_colour))
            _set(program, "exposure", light.exposure)
            _set(program, "infrared", light.infrared)
            _set(program, "beard", self._figure.beard)
            _set(program, "scalp", self._figure.scalp)
            _set(program, "picture", 0)
            _set(program, "skin_head", 1)
            _set(program, "shadow_map", 2)
        self._shadow_map.use(2)
        ctx.blend_func = gl.ONE, gl.ONE_MINUS_SRC_ALPHA
        for part, vao, _ in loaded:
            self._draw_part(part, vao, pupil=light.pupil)
        ctx.disable(gl.BLEND)
        self._target.depth_mask = True
        return Frame(pixels=self._read_pixels(), depth=self._read_depth())

    def _draw_part(self, part: Part, vao: Any, *, pupil: float) -> None:
        gl, ctx, look = self._gl, self._ctx, part.material
        program = self._programs[_surface(part)]
        _set(program, "tint", look.tint)
        _set(program, "opacity", look.opacity)
        _set(program, "gloss", look.gloss)
        _set(program, "second", look.second)
        _set(program, "pattern", look.pattern)
        _set(program, "two_sided", look.two_sided or look.layer in {"strands", "cut"})
        if look.skin is not None:
            skins = self._skins()
            _set(program, "head_rect", tuple(skins["head_rect"]))
            self._texture(skins["skins"][look.skin]["body"]).use(0)
            self._texture(skins["skins"][look.skin]["head"]).use(1)
        elif look.strands is not None:
            _set(program, "whorl", look.strands.whorl)
            _set(program, "hairline", look.strands.hairline)
        elif look.texture is not None:
            _set(program, "plain", look.plain)
            _set(program, "flat_to", look.flat)
            _set(program, "pupil", pupil if part.topology.key.startswith("eyes") else 0.0)
            self._texture(look.texture).use(0)
        else:
            _set(program, "folds", look.folds)
        if look.two_sided or look.layer in {"strands", "glass"}:
            ctx.disable(gl.CULL_FACE)
        else:
            ctx.enable(gl.CULL_FACE)
        passes = {"opaque": (0,), "cut": (1,), "strands": (1, 2), "glass": (3,)}[look.layer]
        for kind in passes:
            soft = kind in {2, 3}
            (ctx.enable if soft else ctx.disable)(gl.BLEND)
            self._target.depth_mask = not soft
            _set(program, "pass_kind", kind)
            vao.render()

    def _draw_shadow(self, loaded: list[Loaded], *, bones: bytes, light_view: bytes) -> None:
        gl, ctx = self._gl, self._ctx
        self._shadow_target.use()
        ctx.clear(depth=1.0)
        ctx.enable(gl.DEPTH_TEST)
        ctx.disable(gl.CULL_FACE | gl.BLEND)
        self._shadow["bones"].write(bones)
        self._shadow["light_view"].write(light_view)
        for part, _, shadow in loaded:
            thin = part.material.layer == "glass" or part.topology.key.startswith(("eye", "lash"))
            if part.shadow and not thin:
                shadow.render()

    def _light_view(self, stance: Stance, *, light: Light) -> bytes:
        """Parallel view from the key light onto a ball of 2.4 dm about the head."""
        figure = self._figure
        assert figure is not None
        middle = (figure.head_points.min(0) + figure.head_points.max(0)) / 2
        centre = stance.bones[2, :3, :3] @ middle + stance.bones[2, :3, 3]
        out = np.asarray(light.key_direction, np.float64)
        side = np.cross([0.0, 1.0, 0.01], out)
        side /= np.linalg.norm(side)
        view = np.eye(4)
        view[:3, :3] = np.stack([side, np.cross(out, side), out])
        view[:3, 3] = -view[:3, :3] @ centre
        radius = 2.4
        scale = np.diag([1 / radius, 1 / radius, -1 / (2 * radius), 1.0])
        return (scale @ view).T.astype(np.float32).tobytes()

    def _read_pixels(self) -> NDArray[np.uint8]:
        raw = np.frombuffer(self._colour.read(), np.uint8).reshape(self._drawn, self._drawn, 4)[::-1]
        # Reduced while still multiplied by coverage, so that the black outside does not bleed into edges.
        small = np.asarray(Image.fromarray(raw, "RGBa").resize((self.side, self.side), Image.Resampling.BOX))
        cover = small[..., 3:].astype(np.float32)
        colour = small[..., :3] * (255.0 / np.maximum(cover, 1.0))
        return np.concatenate([_DISPLAY[np.clip(colour + 0.5, 0, 255).astype(np.uint8)], small[..., 3:]], -1)

    def _read_depth(self) -> NDArray[np.float32]:
        raw = np.frombuffer(self._depth.read(alignment=4), np.float32).reshape(self._drawn, self._drawn)[::-1]
        return np.asarray(_NEAR * _FAR / (_FAR - raw * (_FAR - _NEAR)), np.float32)

    def _skins(self) -> dict[str, Any]:
        assert self._pack is not None
        return self._pack.text("makehuman/skins.json")

    def _texture(self, name: str) -> Any:
        if name not in self._textures:
            assert self._pack is not None
            pixels = self._pack.picture(f"textures/{name}")
            texture = self._ctx.texture(
                (pixels.shape[1], pixels.shape[0]),
                pixels.shape[2],
                np.ascontiguousarray(pixels).tobytes(),
                alignment=1,
            )
            texture.build_mipmaps()
            texture.filter = (self._gl.LINEAR_MIPMAP_LINEAR, self._gl.LINEAR)
            self._textures[name] = texture
        return self._textures[name]


def _layer(item: Loaded) -> int:
    return _LAYERS.index(item[0].material.layer)


def _surface(part: Part) -> str:
    look = part.material
    if look.skin is not None:
        return "skin"
    if look.strands is not None:
        return "hair"
    if look.texture is not None:
        return "textured"
    return "glass" if look.layer == "glass" else "plain"


def _set(program: Any, name: str, value: Any) -> None:
    """Give a program a value unless its surface has no use for it: compilers drop such uniforms."""
    uniform = program.get(name, None)
    if uniform is not None:
        if isinstance(value, bytes):
            uniform.write(value)
        else:
            uniform.value = value


def _projection(stance: Stance) -> NDArray[np.float64]:
    """Perspective with the principal point off centre; row 0 of the picture is on top."""
    f, (cx, cy) = 2 * stance.focal, stance.centre
    return np.array(
        [
            [f, 0, 1 - 2 * cx, 0],
            [0, f, 2 * cy - 1, 0],
            [0, 0, -(_FAR + _NEAR) / (_FAR - _NEAR), -2 * _FAR * _NEAR / (_FAR - _NEAR)],
            [0, 0, -1, 0],
        ]
    )
