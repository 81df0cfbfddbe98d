"""Fits worn meshes to a body, keeps cloth off the skin and hair out of hats."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.synth.figure import Part, Topology, topology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.figure import Material

    Floats = NDArray[np.float32]

_FILES = ("hair", "parts", "clothes", "extras")
# Cloth is fitted to the base mesh; faces shaped after scans would come through it without some air, dm.
_AIR = {
    "beanie": 0.05,
    "cap_crown": 0.05,
    "cap_visor": 0.05,
    "fedora": 0.04,
    "fedora_cocked": 0.04,
    "headscarf": 0.05,
    "headscarf_neck": 0.07,
    "helmet": 0.03,
    "mask_surgical": 0.05,
    "scarf": 0.12,
    "swim_cap": 0.02,
    "turban": 0.05,
}
_BINS = 24  # of azimuth, for the rim of a hat


class Tailor:
    """Fits items to a body; keeps what does not change between bodies."""

    def __init__(self, pack: Pack, *, shares: Floats) -> None:
        """Remember the pack and how base vertices follow head and neck, (19158, 2)."""
        self._pack = pack
        self._shares = shares
        self._topologies: dict[str, Topology] = {}
        self._item_shares: dict[str, Floats] = {}
        self._file = {
            item: file
            for item in pack.text("makehuman/proxies.json")
            for file in _FILES
            if pack.has(f"{file}/{item}/ref")
        }

    def _array(self, item: str, key: str) -> NDArray[Any]:
        return self._pack.array(f"{self._file[item]}/{item}/{key}")

    def deleted(self, item: str) -> NDArray[np.integer[Any]]:
        """Base vertices that lie hidden under an item; may be empty."""
        name = f"{self._file[item]}/{item}/delete"
        return self._pack.array(name) if self._pack.has(name) else np.empty(0, np.uint16)

    def fit(self, item: str, *, vertices: Floats, material: Material, air: float = 0.0) -> Part:
        """Fit one item to a shaped body by the mhclo rule (asset README).

        Args:
            item: name in proxies.json.
            vertices: base vertices of the body, (19158, 3).
            material: how this person has it.
            air: how much further from the skin than usual, dm.
        """
        ref = self._array(item, "ref")
        weights = self._array(item, "w")
        scale = np.ones(3, np.float32)
        for axis, (v1, v2, distance) in enumerate(self._array(item, "scale").astype(float)):
            if distance:
                scale[axis] = abs(vertices[int(v1), axis] - vertices[int(v2), axis]) / distance
        positions = np.einsum("nk,nkj->nj", weights, vertices[ref]) + self._array(item, "off") * scale
        if item not in self._topologies:
            self._topologies[item] = topology(
                item,
                faces=self._array(item, "faces"),
                faces_uv=self._array(item, "faces_uv"),
                uv=self._array(item, "uv"),
                positions=len(ref),
            )
            shares = np.clip(np.einsum("nk,nkj->nj", weights, self._shares[ref]), 0, 1)
            self._item_shares[item] = shares.astype(np.float32)
        positions = positions.astype(np.float32)
        air += _AIR.get(item, 0.0)
        if air:
            positions = positions + air * self._topologies[item].normals(positions)
        return Part(
            topology=self._topologies[item],
            positions=positions,
            shares=self._item_shares[item],
            material=material,
        )


def under_hat(part: Part, *, hat: Part, middle: NDArray[np.floating]) -> Part:
    """Leave out what of some hair lies above the rim of a hat.

    Args:
        part: hair, unposed.
        hat: what is worn, unposed.
        middle: axis of the head, (3,): rims are read off by azimuth about it.
    """
    rim = np.full(_BINS, np.inf)
    np.minimum.at(rim, _bins(hat.positions - middle), hat.positions[:, 1])
    known = np.isfinite(rim)
    rim = np.interp(np.arange(_BINS), np.flatnonzero(known), rim[known], period=_BINS)
    above = part.positions[:, 1] > rim[_bins(part.positions - middle)]
    kept = np.asarray(~above[part.topology.triangle_positions].any(1))
    return replace(part, visible=kept if part.visible is None else kept & part.visible)


def _bins(away: NDArray[np.floating]) -> NDArray[np.int64]:
    turn = np.arctan2(away[:, 0], away[:, 2]) / (2 * np.pi) + 0.5
    return np.asarray(np.minimum(turn * _BINS, _BINS - 1).astype(np.int64))
