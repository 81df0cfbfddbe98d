"""The asset pack: folders of meshes, textures and light compiled into one file that travels easily.

A pack is an uncompressed zip. Arrays are `.npy` members, pictures keep their own compression, texts are JSON.
Formats and licences of the sources: README files of the asset folders; their notices are members of the pack.
"""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.atomic import new_file
from facing.errors import DataError
from facing.synth.ambient import bake_ambient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 1
_ARRAY_FILES = {
    "base": "makehuman/base.npz",
    "macro": "makehuman/macro.npz",
    "detail": "makehuman/detail.npz",
    "expression": "makehuman/expression.npz",
    "hair": "makehuman/hair.npz",
    "parts": "makehuman/parts.npz",
    "clothes": "makehuman/clothes.npz",
    "extras": "makehuman/extras.npz",
    "regions": "makehuman/regions.npz",
    "rig": "makehuman/rig.npz",
    "identities": "ict/makehuman_identities.npz",
    "light": "hdri/light.npz",
}
_WITH_PEOPLE = {"n033.jpg"}  # filed as without people, but a child stands in it
# Left out of the pack: the rig's expression units (we use the expression targets) and the maps between
# the scans and the base mesh that only the makers of the identities need.
_UNUSED = (
    "rig/unit_",
    "identities/surface_",
    "identities/mean_landmarks_macro",
    "identities/landmarks68_drawn",
)
_TEXTS = ("makehuman/proxies.json", "makehuman/skins.json", "hdri/hdri.json")
_NOTICES = ("PROVENANCE.md", "ict/LICENSE")
_PICTURE_FOLDERS = {
    "textures": "makehuman/textures",
    "panoramas": "hdri",
    "photographs": "photos_cc0/no_people",
}


def compile_pack(assets: Path, out: Path) -> int:
    """Compile the asset folders into one pack, whole or not at all.

    Args:
        assets: folder with `makehuman/`, `ict/`, `hdri/` and `photos_cc0/no_people/`.
        out: the pack; a temporary file beside it is renamed at the end.

    Returns:
        Size of the pack in bytes.

    Raises:
        DataError: a folder or file is missing, or `out` cannot be written.
    """
    missing = [
        name
        for name in (*_ARRAY_FILES.values(), *_TEXTS, *_NOTICES, *_PICTURE_FOLDERS.values())
        if not (assets / name).exists()
    ]
    if missing:
        raise DataError(
            f"{assets} lacks {', '.join(missing)}; give the folder that holds makehuman/, ict/ and hdri/"
        )
    with new_file(out, keep_ending=False) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as pack:
        for name, data in _members(assets):
            squeezed = zipfile.ZIP_DEFLATED if name.endswith(".npy") else zipfile.ZIP_STORED
            info = zipfile.ZipInfo(name)  # a fixed date: equal input gives equal bytes
            pack.writestr(info, data, compress_type=squeezed, compresslevel=6)
    return out.stat().st_size


def _members(assets: Path) -> Iterator[tuple[str, bytes]]:
    yield "pack.json", json.dumps({"schema": SCHEMA}).encode()
    for name in (*_TEXTS, *_NOTICES):
        yield name, (assets / name).read_bytes()
    for group, file in _ARRAY_FILES.items():
        with np.load(assets / file) as arrays:
            for key in arrays.files:
                name = f"{group}/{key}"
                if not name.startswith(_UNUSED):
                    out = io.BytesIO()
                    np.save(out, arrays[key])
                    yield f"arrays/{name}.npy", out.getvalue()
    with np.load(assets / _ARRAY_FILES["base"]) as base:
        body = base["faces"][base["face_group"] == [str(n) for n in base["group_names"]].index("body")]
        out = io.BytesIO()
        np.save(out, bake_ambient(base["verts"], faces=body, mirror=base["mirror"]))
        yield "arrays/baked/ambient.npy", out.getvalue()
    for group, folder in _PICTURE_FOLDERS.items():
        for path in sorted((assets / folder).iterdir()):
            if path.suffix in {".jpg", ".webp"} and path.name not in _WITH_PEOPLE:
                yield f"{group}/{path.name}", path.read_bytes()


class Pack:
    """An open asset pack; members are read when they are first asked for and then kept."""

    def __init__(self, path: Path) -> None:
        """Open a pack.

        Args:
            path: what `compile_pack` wrote.

        Raises:
            DataError: the file is missing, no pack, or of another schema.
        """
        try:
            self._zip = zipfile.ZipFile(path)
            schema = json.loads(self._zip.read("pack.json"))["schema"]
        except (OSError, KeyError, zipfile.BadZipFile, json.JSONDecodeError) as error:
            raise DataError(
                f"{path} is no asset pack ({error}); write one with: facing synth assets"
            ) from error
        if schema != SCHEMA:
            raise DataError(
                f"{path} has pack schema {schema}, this version reads {SCHEMA}; compile the pack again"
            )
        self.path = path
        self._members = frozenset(self._zip.namelist())
        self.array = cache(self._array)
        self.text = cache(self._text)
        self.picture = cache(self._picture)

    def _array(self, name: str) -> NDArray[Any]:
        """Read one array, such as "base/verts"."""
        array: NDArray[Any] = np.load(io.BytesIO(self._zip.read(f"arrays/{name}.npy")))
        array.setflags(write=False)
        return array

    def _text(self, name: str) -> dict[str, Any]:
        """Read one JSON text, such as "makehuman/proxies.json"."""
        text: dict[str, Any] = json.loads(self._zip.read(name))
        return text

    def _picture(self, name: str) -> NDArray[np.uint8]:
        """Decode one picture, such as "textures/teeth.webp", as (H, W, 3) or (H, W, 4) uint8."""
        with Image.open(io.BytesIO(self._zip.read(name))) as picture:
            return np.asarray(picture.convert("RGBA" if "A" in picture.getbands() else "RGB"))

    def has(self, array: str) -> bool:
        """Tell whether the pack holds an array of this name."""
        return f"arrays/{array}.npy" in self._members

    def names(self, group: str) -> tuple[str, ...]:
        """List the pictures of "textures", "panoramas" or "photographs", sorted."""
        return tuple(sorted(name for name in self._members if name.startswith(f"{group}/")))
