"""A whole set of head pictures: shards that any number of processes and machines write side by side."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facing.errors import DataError
from facing.shards import write_shard
from facing.synth.sample import VIEWS, render_person
from facing.terms import state_terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facing.synth.assets import Pack
    from facing.synth.person import PersonMaker
    from facing.synth.render import Renderer

PEOPLE_PER_SHARD = 32
SIDES = {"portrait": 160, "bust": 192}
_BACKGROUNDS_PER_SHARD = 256
# One background for so many heads, within reason.
_HEADS_PER_BACKGROUND, _MOST_BACKGROUNDS = 16, 2048


@dataclass(frozen=True, slots=True)
class HeadsJob:
    """What to draw. Equal jobs give equal bytes, on one machine or many."""

    pack: Path | None  # None draws the procedural stand-in
    out: Path
    count: int  # heads; rounded up to whole persons of VIEWS views
    seed: int
    framing: str = "portrait"
    side: int | None = None


def write_heads(
    job: HeadsJob,
    *,
    shard: tuple[int, int] = (0, 1),
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the shards of a job that are not there yet.

    Args:
        job: what to draw.
        shard: (i, n): this call writes every n-th shard, starting with i; 0 <= i < n.
        processes: how many to use; None uses all cores.
        progress: called with heads done and heads in this call's share.

    Returns:
        How many heads this call wrote.

    Raises:
        DataError: the pack cannot be used, the framing is unknown, or the folder holds another set.
    """
    if job.framing not in SIDES:
        raise DataError(f"framing {job.framing!r} is unknown; choose {' or '.join(SIDES)}")
    people = -(-job.count // VIEWS)
    numbers = range(-(-people // PEOPLE_PER_SHARD))
    mine = [k for k in numbers if k % shard[1] == shard[0]]
    missing = [k for k in mine if not _path(job, k).exists()]
    sizes = {k: VIEWS * (min(people, (k + 1) * PEOPLE_PER_SHARD) - k * PEOPLE_PER_SHARD) for k in mine}
    total = sum(sizes.values())
    done = total - sum(sizes[k] for k in missing)
    state_terms(job.out)
    if shard[0] == 0:
        _write_backgrounds(job)
    if progress:
        progress(done, total)
    written = 0
    # A fresh interpreter for each worker: an OpenGL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {pool.submit(_write_one, job, k, sizes[k] // VIEWS): k for k in missing}
        for ready in as_completed(waiting):
            written += ready.result()
            if progress:
                progress(done + written, total)
    return written


def _path(job: HeadsJob, number: int) -> Path:
    return job.out / f"heads-{number:05d}.tar"


_WORKER: dict[HeadsJob, tuple[Renderer, PersonMaker | None, Pack | None]] = {}


def _write_one(job: HeadsJob, number: int, people: int) -> int:
    """Draw one shard; the context and the pack stay with the process for the next one."""
    from facing.synth.assets import Pack
    from facing.synth.person import PersonMaker
    from facing.synth.render import Renderer

    if job not in _WORKER:
        pack = Pack(job.pack) if job.pack else None
        maker = PersonMaker(pack, framing=job.framing) if pack else None
        _WORKER[job] = (Renderer(side=job.side or SIDES[job.framing], pack=pack), maker, pack)
    renderer, maker, pack = _WORKER[job]
    first = number * PEOPLE_PER_SHARD
    samples = (
        sample
        for person in range(first, first + people)
        if _still_wanted()
        for sample in render_person(
            person,
            seed=job.seed,
            framing=job.framing,
            renderer=renderer,
            maker=maker,
            pack=pack,
        )
    )
    try:
        return write_shard(_path(job, number), samples)
    except _OrphanedError:
        os._exit(1)  # the pool would catch a plain exit and wait for work that never comes


class _OrphanedError(Exception):
    """The process that asked for the shard is gone; the shard is not written."""


def _still_wanted() -> bool:
    """Stop a worker whose run was killed: it would go on drawing what it was given, unseen."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise _OrphanedError
    return True


def _write_backgrounds(job: HeadsJob) -> None:
    if job.pack is None:
        return
    from facing.synth.assets import Pack
    from facing.synth.backgrounds import background_samples

    pack = Pack(job.pack)
    wanted = min(_MOST_BACKGROUNDS, -(-job.count // _HEADS_PER_BACKGROUND))
    for k in range(-(-wanted // _BACKGROUNDS_PER_SHARD)):
        path = job.out / f"backgrounds-{k:05d}.tar"
        count = min(_BACKGROUNDS_PER_SHARD, wanted - k * _BACKGROUNDS_PER_SHARD)
        if not path.exists():
            side = job.side or SIDES[job.framing]
            write_shard(
                path,
                background_samples(
                    seed=job.seed, first=k * _BACKGROUNDS_PER_SHARD, count=count, pack=pack, side=side
                ),
            )
