import subprocess
import sys

import pytest
import typer
from typer.main import get_command

from facing.cli import GROUP, summary
from facing.registry import load, names

COMMANDS = names(GROUP)


def commands_of(name):
    """Give the command behind a file and, where it is a group, what lies below it."""
    exported = load(GROUP, name, attribute="COMMAND", kind="command")
    app = exported
    if not isinstance(exported, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name)(exported)
    command = get_command(app)
    return [command, *getattr(command, "commands", {}).values()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name):
    for command in commands_of(name):
        assert command.help or name == command.name
        for parameter in command.params:
            if parameter.name != "help":
                assert getattr(parameter, "help", None), (
                    f"{name} {command.name}: {parameter.name} has no help"
                )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_a_sentence(name):
    line = summary(name)
    assert line.endswith(".")
    assert line[0].isupper()


def imported_by(*arguments):
    code = (
        "import sys\n"
        "from facing.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, _, modules = done.stdout.rpartition("MODULES")
    return text, set(modules.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_heavy_library(name):
    text, modules = imported_by(name, "--help")
    assert f"facing {name}" in text
    assert not modules & {"torch", "lightning", "moderngl", "scipy", "onnx", "onnxruntime"}


def test_the_list_of_commands_imports_none_of_them():
    text, modules = imported_by("--help")
    assert all(name in text for name in COMMANDS)
    assert not modules & {"torch", "moderngl", "numpy", "onnxruntime", "PIL"}


def test_version_does_not_wait_for_typer():
    text, modules = imported_by("--version")
    assert text.strip().count(".") == 2
    assert "typer" not in modules
