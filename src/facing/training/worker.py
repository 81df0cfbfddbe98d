"""One process of several that train one network; `facing.training.processes` starts it.

It reads its job as one line of JSON and says what it does as lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facing.errors import FacingError

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN_EVERY_S = 0.2


def main() -> int:
    """Do the job that stands on standard input; give the exit code."""
    # What libraries print must not come between our lines.
    words = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(**message: Any) -> None:
        words.write(json.dumps(message) + "\n")
        words.flush()

    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_starter, daemon=True).start()
    try:
        from facing.training.allocator import keep_freed_memory
        from facing.training.fit import train
        from facing.training.processes import Machines
        from facing.training.recipe import recipe_from_dict
        from facing.training.task import load_task

        keep_freed_memory()
        recipe = recipe_from_dict(job["recipe"], where=job["out"])
        train(
            recipe,
            task=load_task(recipe.task),
            data=Path(job["data"]),
            out=Path(job["out"]),
            resume=job["resume"],
            init=None if job["init"] is None else Path(job["init"]),
            threads=job["threads"],
            machines=Machines(**job["machines"]),
            tensorboard=job["tensorboard"],
            report=lambda line: tell(say=line),
            show=_now_and_then(lambda step, doing: tell(step=step, doing=doing)),
        )
    except FacingError as error:
        tell(error=[type(error).__name__, str(error)])
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _now_and_then(show: Callable[[int, str], None]) -> Callable[[int, str], None]:
    shown_at = 0.0

    def sometimes(step: int, doing: str) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now - shown_at > SHOWN_EVERY_S:
            shown_at = now
            show(step, doing)

    return sometimes


def _end_with_starter() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
