"""The smallest recipe of a task that learns from crops."""

from facing.training.recipe import recipe_from_dict


def crop_recipe(*, task, crops, side=32, **changes):
    """Nano on plain crops, in float32; changes, head and data too, take the place of whole settings."""
    settings = {
        "schema": 1,
        "name": task,
        "task": task,
        "licence": "CC0-1.0",
        "precision": "32",
        "crop": {"side": side, "scale": 1.0},
        "model": {"backbone": "compact", "variant": "nano"},
        "augment": {"kind": "plain"},
        "optim": {"lr": 1e-3, "batch": 64, "crops": crops, "epoch_crops": 64},
    }
    return recipe_from_dict(settings | changes, where="test")
