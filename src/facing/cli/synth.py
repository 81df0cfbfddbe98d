"""facing synth: draw labelled heads and scenes from CC0 and MIT material."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = typer.Typer(
    name="synth",
    no_args_is_help=True,
    add_completion=False,
    help="Draw labelled head pictures and scenes from CC0 and MIT material.",
)

Shard = Annotated[
    str, typer.Option("--shard", help="This call's part, i/n with 0 <= i < n; others run elsewhere.")
]


def part_of(text: str) -> tuple[int, int]:
    """Read "i/n".

    Raises:
        typer.BadParameter: it is not two whole numbers with 0 <= i < n.
    """
    first, _, second = text.partition("/")
    if not (first.isdigit() and second.isdigit() and int(first) < int(second)):
        raise typer.BadParameter(f"--shard {text} is not i/n with 0 <= i < n, such as 0/4")
    return int(first), int(second)


@contextmanager
def _progress(word: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(word, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@COMMAND.command()
def assets(
    folder: Annotated[
        Path, typer.Argument(help="Folder with makehuman/, ict/, hdri/ and photos_cc0/no_people.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The pack to write.")],
) -> None:
    """Compile asset folders into one pack that travels easily."""
    from facing.synth.assets import compile_pack

    size = compile_pack(folder, out)
    print(f"{out}: {size / 1e6:.1f} MB", file=data_stream())


@COMMAND.command()
def render(
    out: Annotated[Path, typer.Option("--out", help="Folder for the shards; what is there already is kept.")],
    count: Annotated[
        int, typer.Option("--count", min=1, help="How many heads; rounded up to whole persons of 8.")
    ],
    pack: Annotated[
        Path | None, typer.Option("--assets", help="Asset pack; without one a stand-in head is drawn.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal pictures.")] = 1,
    framing: Annotated[
        str, typer.Option("--framing", help="portrait (for poses) or bust (for scenes).")
    ] = "portrait",
    side: Annotated[
        int | None, typer.Option("--side", min=32, help="Side of the pictures in pixels.")
    ] = None,
    shard: Shard = "0/1",
    processes: Annotated[int | None, typer.Option("--processes", min=1, help="Default: all cores.")] = None,
) -> None:
    """Draw heads into tar shards; killed at any moment, the same command goes on where it stopped."""
    from facing.synth.heads import SIDES, HeadsJob, write_heads

    if framing not in SIDES:
        raise typer.BadParameter(f"--framing {framing} is unknown; choose {' or '.join(SIDES)}")
    job = HeadsJob(pack=pack, out=out, count=count, seed=seed, framing=framing, side=side)
    with _progress("heads") as update:
        written = write_heads(job, shard=part_of(shard), processes=processes, progress=update)
    print(f"{out}: {written} heads written", file=data_stream())


@COMMAND.command()
def scenes(
    heads: Annotated[Path, typer.Option("--heads", help="Folder of heads drawn with --framing bust.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the shards; what is there already is kept.")],
    count: Annotated[int, typer.Option("--count", min=1, help="How many scenes.")],
    backgrounds: Annotated[
        list[Path],
        typer.Option(
            "--backgrounds", help="Folder of panoramas, photographs without people or shards; repeatable."
        ),
    ],
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal pictures.")] = 1,
    size: Annotated[int, typer.Option("--size", min=64, help="Side of the pictures in pixels.")] = 256,
    shard: Shard = "0/1",
) -> None:
    """Compose scenes with several heads, or none, and their boxes: what the head detector learns from."""
    from facing.synth.scenes import write_scenes

    with _progress("scenes") as update:
        written = write_scenes(
            heads,
            out,
            backgrounds=backgrounds,
            count=count,
            seed=seed,
            size=size,
            shard=part_of(shard),
            progress=lambda done: update(done, count),
        )
    print(f"{out}: {written} scenes written", file=data_stream())


@COMMAND.command()
def sheet(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    out: Annotated[Path, typer.Option("--out", help="Picture to write.")] = Path("sheet.png"),
    columns: Annotated[int, typer.Option("--columns", min=1, help="Pictures in a row.")] = 8,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Rows.")] = 6,
    labels: Annotated[bool, typer.Option("--labels", help="Draw boxes, landmarks and axes too.")] = False,
) -> None:
    """Draw a contact sheet of a folder of shards: look before you train."""
    from PIL import Image

    from facing.synth.sheet import draw_sheet

    Image.fromarray(draw_sheet(folder, columns=columns, rows=rows, labels=labels)).save(out)
    print(out, file=data_stream())
