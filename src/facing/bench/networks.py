"""Time pose networks alone, without detector and crop: ours and published ones, in turn, in one process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.bench.peers import available_peers
from facing.bench.speed import Timing
from facing.runtime.session import Session, open_onnx
from facing.runtime.weights import weights_path

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from facing.bench.peers import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that takes N heads and whether it takes them at once.

    Attributes:
        name: of the system.
        mb: size of its files, megabytes.
        run: given N, works through N heads whose pixels lie ready; nothing else is timed.
        batched: False where the graph takes one head at a time, so N of them are N calls.
    """

    name: str
    mb: float
    run: Callable[[int], object]
    batched: bool


def own_network(model: str | os.PathLike[str], *, threads: int) -> Network:
    """Open one of our pose networks, a name or a file.

    Raises:
        ModelError: it cannot be used.
        UnknownNameError: no released weights have this name.
    """
    path = weights_path(model)
    session = Session(path, kind="pose", threads=threads)
    crop = session.card.crop
    assert crop is not None  # the card of a pose network has one
    noise = np.random.default_rng(0).integers(0, 256, (32, crop.side, crop.side, 3), dtype=np.uint8)
    return Network(
        name=f"facing {session.card.name}",
        mb=path.stat().st_size / 1e6,
        run=lambda count: session.run(noise[:count]),
        batched=True,
    )


def published_networks(folder: Path, *, threads: int) -> list[Network]:
    """Open the published networks of a folder.

    Raises:
        DataError: there are none.
    """
    return [_published(peer, folder=folder, threads=threads) for peer in available_peers(folder)]


def measure_networks(
    networks: Sequence[Network], *, batches: Sequence[int] = (1, 32), repeats: int = 30, warm_up: int = 3
) -> list[dict[str, Any]]:
    """Time every network at every batch, run by run in turn.

    Before every timed run stands one that is not: a network finds the processor's caches full of what ran
    before it, which costs the one after the largest a tenth more than the same network elsewhere in the row.

    Args:
        networks: the first one is what the others are compared with.
        batches: heads per run, at most 32.
        repeats: timed runs of each, at least two.
        warm_up: runs before that are not timed.

    Returns:
        One row per network: name, mb, batched, and for each batch milliseconds per run with median, 10 %
        and 90 %, heads per second, and `ratio` of its median to that of the first network.
    """
    spent: dict[tuple[int, int], list[float]] = {}
    for run in range(warm_up + repeats):
        for batch in batches:
            for place, network in enumerate(networks):
                network.run(batch)
                start = time.perf_counter()
                network.run(batch)
                if run >= warm_up:
                    spent.setdefault((place, batch), []).append(time.perf_counter() - start)
    rows = []
    for place, network in enumerate(networks):
        row: dict[str, Any] = {"name": network.name, "mb": round(network.mb, 2), "batched": network.batched}
        for batch in batches:
            timing, first = Timing.of(spent[place, batch]), Timing.of(spent[0, batch])
            row[f"batch_{batch}"] = {
                **timing.to_dict(),
                "heads_per_s": round(1000 * batch / timing.median_ms, 1),
                "ratio": round(timing.median_ms / first.median_ms, 3),
            }
        rows.append(row)
    return rows


def _published(peer: Peer, *, folder: Path, threads: int) -> Network:
    sessions = [open_onnx(folder / file, threads=threads) for file in peer.files]
    inputs = [session.get_inputs()[0] for session in sessions]
    batched = all(not isinstance(given.shape[0], int) for given in inputs)
    noise = np.random.default_rng(0).integers(0, 256, (peer.side, peer.side, 3), dtype=np.uint8)
    heads = np.repeat(peer.prepare(noise), 32, axis=0)

    def run(count: int) -> None:
        for start in range(0, count, count if batched else 1):
            part = heads[start : start + (count if batched else 1)]
            for session, given in zip(sessions, inputs, strict=True):
                session.run(list(peer.outputs), {given.name: part})

    size = sum((folder / file).stat().st_size for file in peer.files)
    return Network(name=peer.name, mb=size / 1e6, run=run, batched=batched)
