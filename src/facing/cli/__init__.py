"""The command `facing`: one file of this folder per verb, found by name, imported only when it is used.

A command file exports `COMMAND`, a function with typer annotations or a typer app, and its docstrings are
the help. Plug-ins of the group "facing.cli" count as well.

Exit codes: 0 all done, 2 usage, 3 an input failed, 4 an extra is missing, 130 stopped by the user.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib.metadata import requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facing.errors import (
    BoxError,
    FacingError,
    MissingExtraError,
    RecipeError,
    UnknownNameError,
)
from facing.registry import load, names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

GROUP = "facing.cli"
USAGE, INPUT, EXTRA = 2, 3, 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stderr is None:  # the shell closed it: 2>&-; talk must not get among the data
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    options, chosen = _split(given)
    try:
        try:
            if given == ["--version"]:  # before typer is imported
                print(version("facing"))
            else:
                _run(given, chosen=chosen)
        finally:
            _flush_data()
    except BrokenPipeError as error:  # who read it has seen enough
        raise SystemExit(1) from error
    except (FacingError, OSError) as error:
        if "--debug" in options:
            raise
        print(f"facing: {_sentence(error)}", file=sys.stderr)
        raise SystemExit(exit_code(error)) from error


def _flush_data() -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        # What could not be written would be tried again, and fail with more words, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _sentence(error: FacingError | OSError) -> str:
    if isinstance(error, FacingError):
        return str(error)
    place = error.filename or "a file or stream"
    return f"{place} cannot be read or written ({error.strerror or error}); check its name, rights and space"


def exit_code(error: FacingError | OSError) -> int:
    """Tell usage from input from a missing extra."""
    if isinstance(error, MissingExtraError):
        return EXTRA
    return USAGE if isinstance(error, RecipeError | UnknownNameError | BoxError) else INPUT


def summary(name: str) -> str:
    """Read the first line of a command's help from its source, without importing what it needs.

    Args:
        name: one of `names(GROUP)`.

    Returns:
        The first line of what documents `COMMAND`: the docstring of its function, or the help of its typer
        app. Empty for a plug-in and where there is none.
    """
    spec = find_spec(f"{GROUP}.{name}")
    if spec is None or spec.origin is None:
        return ""
    body = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body
    values = [node.value for node in body if isinstance(node, ast.Assign) and _names_command(node)]
    for value in values:
        if isinstance(value, ast.Call):
            texts = [word.value for word in value.keywords if word.arg == "help"]
            return "".join(str(text.value) for text in texts if isinstance(text, ast.Constant)).partition(
                "\n"
            )[0]
        for node in body:
            if isinstance(value, ast.Name) and isinstance(node, ast.FunctionDef) and node.name == value.id:
                return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _names_command(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "COMMAND" for target in node.targets)


def _split(arguments: list[str]) -> tuple[list[str], str | None]:
    """Part what stands before the verb from the verb; the top level has flags only."""
    for place, word in enumerate(arguments):
        if not word.startswith("-"):
            return arguments[:place], word
    return arguments, None


def _run(arguments: list[str], *, chosen: str | None) -> None:
    from typer.main import get_command

    try:
        command = get_command(_app(chosen))
        command(args=arguments, prog_name="facing")
    except ModuleNotFoundError as error:
        extra = _extra_of((error.name or "").partition(".")[0], command=chosen)
        if extra is None:
            raise
        raise MissingExtraError.of(need=f"facing {chosen}", extra=extra) from error


def _app(chosen: str | None) -> typer.Typer:
    """Build the app: the chosen verb for real, every other one as a name with a line of help."""
    import typer

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        help="Head pose estimation: pictures in, yaw, pitch and roll of every head out.",
    )

    @app.callback()
    def top(
        *,
        version: bool = typer.Option(False, "--version", help="Print the version and leave."),
        debug: bool = typer.Option(False, "--debug", help="Show where an error comes from."),
    ) -> None:
        del version, debug  # `main` has acted on them

    for name in names(GROUP):
        if name != chosen:
            app.command(name, short_help=summary(name))(_nothing)
            continue
        command: Any = load(GROUP, name, attribute="COMMAND", kind="command")
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _nothing() -> None:
    """Stand in for a verb that was not chosen."""


def _extra_of(module: str, *, command: str | None) -> str | None:
    """Find the extra that brings a module: the one named as the command, else the smallest; or None.

    What extras bring is read from facing's own metadata.
    """
    brought: dict[str, set[str]] = {}
    for line in requires("facing") or ():
        found = re.match(r"([\w.-]+).*;.*extra == ['\"]([\w-]+)['\"]", line)
        if found:
            brought.setdefault(found[2], set()).add(found[1].replace("-", "_").lower())
    fitting = [extra for extra, packages in brought.items() if module.lower() in packages]
    return min(fitting, key=lambda extra: (extra != command, len(brought[extra])), default=None)
