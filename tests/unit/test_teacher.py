"""The network that stands beside a training: which one it may be, and that it stands still."""

from functools import partial

import pytest
import torch

from crop_recipes import crop_recipe
from facing.errors import ModelError, RecipeError
from facing.runtime.session import Session
from facing.runtime.weights import weights_path
from facing.training.resume import start_from
from facing.training.task import load_task
from facing.training.teacher import Teacher, open_teacher

recipe = partial(crop_recipe, task="pose", head={"name": "rotation_6d"}, data=[{"path": "heads"}], crops=64)


def beside_nano(**changes):
    """A recipe that the released nano can teach."""
    crop = Session(weights_path("nano"), kind="pose").card.crop
    return recipe(crop={"side": crop.side, "scale": crop.scale}, teacher={"path": "nano"}, **changes)


def test_no_teacher_is_none(tmp_path):
    assert open_teacher(recipe(), tmp_path) is None


def test_released_weights_teach_what_they_answer_with(tmp_path):
    chosen = beside_nano()
    teacher = open_teacher(chosen, tmp_path)
    assert isinstance(teacher, Teacher)
    side = chosen.crop.side
    picture = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    same = load_task("pose").network(chosen)
    start_from(same, weights_path("nano"))
    for number, expected in enumerate(same.eval().maps(picture)):
        torch.testing.assert_close(teacher(picture)[f"taught_{number}"], expected)


def test_a_teacher_stands_still_in_training(tmp_path):
    teacher = open_teacher(beside_nano(), tmp_path)
    around = torch.nn.Sequential(teacher).train()
    assert around.training
    assert not any(module.training for module in teacher.modules())
    side = beside_nano().crop.side
    maps = teacher(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    assert not any(one.requires_grad for one in (*maps.values(), *teacher.parameters()))


@pytest.mark.parametrize(
    ("chosen", "error", "words"),
    [
        (partial(recipe, teacher={"path": "gone.onnx"}), ModelError, "gone.onnx does not exist"),
        (partial(recipe, teacher={"path": "heads"}), RecipeError, "trained for detection; give one for pose"),
        (partial(recipe, teacher={"path": "nano"}), RecipeError, "this recipe 32 at 1; choose another"),
        (
            partial(beside_nano, model={"backbone": "compact", "variant": "small"}),
            RecipeError,
            r"shapes \[\(48, 12, 12\).*teacher of the same widths",
        ),
    ],
)
def test_what_cannot_teach_is_refused_in_a_sentence(tmp_path, chosen, error, words):
    with pytest.raises(error, match=words):
        open_teacher(chosen(), tmp_path)
