"""docs/from-the-originals.md: commands parse, recipes and settings exist, no original option is missing."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from click import ClickException
from typer.main import get_command

from facing.cli import GROUP
from facing.cli._shared import shipped_recipes
from facing.datasets.convert import form_names
from facing.datasets.sample import load_reader
from facing.evaluation.protocol import load_protocol
from facing.registry import load
from facing.training.recipe import _setting_names, load_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "from-the-originals.md").read_text(encoding="utf-8")
GROUPS = ("datasets", "models", "synth")
SETS = re.compile(r"--set '?([a-z_.]+)=")
TABLES = ("head", "model", "optim", "crop", "augment", "sampling", "ranges", "loss")

# Every option of the originals, by section of the page.
COMPACT = {
    "train": "mode net num_classes num_epochs lr lr_decay unfreeze train_data valid_data input_size "
    "width_mult batch_size top_k cls2reg alpha save_dir squeeze_version loss",
    "test": "test_data net mode num_classes input_size width_mult top_k cls2reg squeeze_version alpha "
    "snapshot batch_size degree_error_limit save_dir show_front analysis huge_error collect_score "
    "hard_case group_error tf_event",
    "data_process": "mode data_dir filename_list pose_list save_dir save_list loosely ratio score_threshold "
    "groups limit",
    "predict_euler": "gpu data_dir filename_list snapshot out_path batch_size",
}
PYRAMID = {
    "train": "dataset data_dir filename_list val_dataset val_data_dir val_filename_list num_epochs "
    "batch_size lr augment flip target_size transfer snapshot efficient output_string gpu",
    "test": "data_dir filename_list snapshot start num_epoch dataset batch_size crop input_size crop_size ad "
    "efficient gpu",
}
ORIENTATION = (
    "--do_data --do_train -dataset_path -arch -lr -lr_decay -lr_decay_step_size -batch -epochs -size "
    "--start_distance --end_distance --steps --num -src -dst -search -n -m -b -i -s -o -S -I -c -d -r -V"
)
MODES = "draw crop resize analysis choice dms_quat collect split_data choice_dms all_img"
SUBSECTIONS = {
    ("compact", "Training"): COMPACT["train"],
    ("compact", "Test"): COMPACT["test"],
    ("compact", "Data tools"): COMPACT["data_process"],
    ("compact", "Euler angles"): COMPACT["predict_euler"],
    ("pyramid", "Training"): PYRAMID["train"],
    ("pyramid", "Test and export"): PYRAMID["test"],
}


def commands():
    """Give every `facing` command of the page's shell blocks as words."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.partition(" > ")[0])
            assert words[0] == "facing", line
            found.append(words[1:])
    return found


COMMANDS = commands()


def parser_of(words):
    """Give the click command that words begin with, and the words after it."""
    exported = load(GROUP, words[0], attribute="COMMAND", kind="command")
    app = exported
    if not isinstance(exported, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(words[0])(exported)
    command, rest = get_command(app), words[1:]
    if words[0] in GROUPS:
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def tables(section):
    """Give the rows of the tables in a part of the page, as cells."""
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [row for row in rows if not set(row[0]) <= {"-", "|"}]


def section(system, part):
    body = re.search(rf"\n## The {system} system\n(.*?)(?=\n## |\Z)", PAGE, flags=re.DOTALL)[1]
    return re.search(rf"\n### {part}.*?\n(.*?)(?=\n### |\Z)", body, flags=re.DOTALL)[1]


def test_the_page_has_commands_of_every_kind():
    assert len(COMMANDS) > 30
    assert {words[0] for words in COMMANDS} == {
        "train",
        "evaluate",
        "estimate",
        "export",
        "datasets",
        "synth",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_parses(words):
    command, rest = parser_of(words)
    try:
        command.make_context(command.name or words[0], list(rest))
    except ClickException as error:
        pytest.fail(f"{' '.join(words)}: {error.format_message()}")


def option_values(words, name):
    return [value for option, value in pairwise(words) if option == name]


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "train"], ids=" ".join)
def test_every_training_is_a_valid_recipe(words):
    changed = load_recipe(shipped_recipes()[words[1]], overrides=option_values(words, "--set"))
    assert changed.name == words[1]


def test_every_set_protocol_and_form_exists():
    readers, protocols, forms = 0, 0, 0
    for words in COMMANDS:
        given = (
            option_values(words, "--data") + option_values(words, "--val") + option_values(words, "--select")
        )
        given += [words[2]] if words[0] == "datasets" and ":" in words[2] else []
        for text in given:
            assert load_reader(text.partition(":")[0])
            readers += 1
        for text in option_values(words, "--protocol"):
            assert load_protocol(text.partition(":")[0])
            protocols += 1
        if words[:2] == ["datasets", "convert"]:
            assert set(option_values(words, "--format")) <= set(form_names())
            forms += 1
    assert readers > 10
    assert protocols >= 4
    assert forms >= 4


def test_every_recipe_named_in_the_text_exists():
    named = set(re.findall(r"`((?:compact|pyramid|orientation)-[a-z0-9-]+)`", PAGE))
    assert len(named) == 18
    assert named <= set(shipped_recipes())


def test_every_setting_named_in_the_text_exists():
    known = set().union(*(_setting_names(type(load_recipe(path))) for path in shipped_recipes().values()))
    code = set(re.findall(r"`([a-z_]+\.[a-z0-9_]+)`", PAGE)) | set(SETS.findall(PAGE))
    settings = {name for name in code if name.partition(".")[0] in TABLES} | {
        "validation_share",
        "keep_every",
    }
    assert len(settings) > 25
    assert settings <= known


def test_every_command_named_in_the_text_has_its_options():
    checked = 0
    for text in re.findall(r"`(facing [^`\n]+)`", PAGE):
        command, rest = parser_of(shlex.split(text)[1:])
        options = {name for parameter in command.params for name in parameter.opts}
        for word in rest:
            if word.startswith("--"):
                assert word in options, text
                checked += 1
    assert checked > 40


@pytest.mark.parametrize(("place", "options"), SUBSECTIONS.items(), ids=lambda value: str(value)[:40])
def test_every_original_option_has_a_row(place, options):
    cells = [row[0] for row in tables(section(*place))]
    answered = {name for cell in cells for name in re.findall(r"`--([a-z0-9_]+)`", cell)}
    assert answered == set(options.split())
    for row in tables(section(*place)):
        assert row[1].strip(), row


def test_every_mode_of_the_data_tools_has_a_row():
    rows = [row[0] for row in tables(section("compact", "Data tools"))]
    assert {row.partition("` ")[2] for row in rows if row.startswith("`--mode`")} == set(MODES.split())


def test_every_option_of_the_orientation_system_has_a_row():
    cells = [row[0] for part in ("The data set", "Training") for row in tables(section("orientation", part))]
    answered = {name for cell in cells for name in re.findall(r"`(--?[A-Za-z_]+)`", cell)}
    assert answered == set(ORIENTATION.split())


def test_what_is_not_carried_over_says_why():
    rows = [row for row in tables(PAGE) if len(row) > 1 and row[1] in {"not carried over", "always so"}]
    assert len(rows) > 8
    for row in rows:
        assert len(row) == 3
        assert len(row[2]) > 10, row
