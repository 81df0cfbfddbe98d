"""Recipes: strict, frozen, one base, recorded overrides, a hash of all of it."""

import json
from pathlib import Path

import pytest

import facing
from facing.errors import RecipeError
from facing.training.recipe import load_recipe, recipe_from_dict

SMALL = """
schema = 1
name = "tiny"
task = "pose"
licence = "CC0-1.0"
data = [{ path = "train" }]
model = { backbone = "compact", variant = "nano" }
head = { name = "rotation_6d" }
optim = { lr = 1e-3, crops = 1000, batch = 10 }
"""
SHIPPED = Path(facing.__file__).parent / "recipes"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SMALL)
    return path


def test_defaults_are_resolved_and_hashed(file):
    recipe = load_recipe(file)
    plain = recipe.to_dict()
    assert plain["schema"] == 1
    assert plain["augment"]["jitter"]["mirror"] == 0.5
    assert [(entry["reader"], entry["path"], entry["weight"]) for entry in plain["data"]] == [
        ("shards", "train", 1.0)
    ]
    assert recipe.optim.steps == 100
    assert len(recipe.digest()) == 64
    assert recipe.digest() == load_recipe(file).digest()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rate=1", r"optim\.learning_rate is no setting\. Did you mean optim\.lr\?"),
        ("optim.bach=1", r"optim\.bach is no setting\. Did you mean optim\.batch\?"),
        ("augment.jitter.mirrors=1", r"Did you mean augment\.jitter\.mirror\?"),
        ("sed=1", r"sed is no setting\. Did you mean seed\?"),
        ("learning_rate=1", r"learning_rate is no setting\. Did you mean optim\.lr\?"),
        ("head.bins=33", r"is a setting of vector_bins, vector_soft_bins, not of rotation_6d; drop it"),
        ("augment={ kind = 'compact', turn = 1 }", r"augment\.turn is no setting"),
        (
            "augment={ kind = 'compact', start = 1 }",
            r"is a setting of renders, not of compact; .*kind = \"co",
        ),
        ("optim.batch=0", r"optim\.batch = 0 cannot be"),
        ('optim.lr="fast"', r"optim\.lr = 'fast' cannot be"),
        ("task=pos", r"no task is called 'pos'\. Did you mean 'pose'\?"),
        ("schema=2", r"schema is 2"),
        ("optim.name=adamm", r"optim\.name = 'adamm' cannot be: input should be 'adamw', 'adam' or 'sgd'"),
        ("optim.groups.heads=5.0", r"Did you mean optim\.groups\.head\?"),
        ("optim.freeze_epoch=5", r"Did you mean optim\.freeze_epochs\?"),
        ("optim={ lr = 1e-3 }", r"optim: it says no length; give crops or epochs"),
        ("optim={ lr = 1e-3, epochs = 1, nesterov = true, momentum = 0.0 }", r"needs a momentum above 0"),
        ("optim.lr", r"has no value"),
        ("name.first=1", r"name is no table"),
    ],
)
def test_wrong_settings_say_where_and_what(file, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(file, overrides=[override])


def test_a_variant_may_be_a_number(file):
    overrides = ["model.backbone=mobilenet_v2", "model.variant=0.5"]
    assert load_recipe(file, overrides=overrides).model.variant == "0.5"


def test_overrides_are_recorded_and_change_the_hash(file):
    recipe = load_recipe(file, overrides=["optim.lr=5e-4", "name=other"])
    assert recipe.optim.lr == 5e-4
    assert recipe.name == "other"
    assert recipe.overrides == ("optim.lr=5e-4", "name=other")
    assert recipe.digest() != load_recipe(file).digest()


def test_epochs_become_crops_once_the_data_is_known(file):
    optim = load_recipe(file, overrides=["optim.epochs=5"]).optim
    resolved = optim.resolved(pictures=47)
    # Batches of 10: four whole ones per pass.
    assert (resolved.steps, resolved.epoch_steps) == (20, 4)
    assert optim.resolved(pictures=3).steps == 5
    in_crops = load_recipe(file).optim
    assert in_crops.resolved(pictures=47) is in_crops


def test_a_resolved_recipe_reads_back_as_itself(file):
    recipe = load_recipe(file, overrides=["optim.groups.head=5.0", "optim.freeze_epochs=3"])
    again = recipe_from_dict(json.loads(json.dumps(recipe.to_dict())), where="a checkpoint")
    assert again.digest() == recipe.digest()
    assert again.optim.freeze_groups.stem == 0


def test_a_base_is_changed_key_by_key(file):
    above = file.with_name("above.toml")
    above.write_text('base = "tiny.toml"\nname = "above"\noptim = { lr = 2e-3 }\n')
    recipe = load_recipe(above)
    assert (recipe.name, recipe.optim.lr, recipe.optim.crops) == ("above", 2e-3, 1000)
    file.with_name("third.toml").write_text('base = "above.toml"\n')
    with pytest.raises(RecipeError, match="one is the limit"):
        load_recipe(file.with_name("third.toml"))


def test_recipes_are_frozen(file):
    with pytest.raises(ValueError, match="frozen"):
        load_recipe(file).optim.lr = 1.0


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("schema = ")
    with pytest.raises(RecipeError, match="is no TOML"):
        load_recipe(tmp_path / "broken.toml")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path):
    assert load_recipe(path).name == path.stem
