import json
import subprocess
import sys

import facing

HEAVY = ("torch", "typer", "rich", "onnxruntime", "numpy", "PIL", "scipy", "pydantic", "onnx")


def loaded_after(code: str) -> set[str]:
    probe = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_facing_loads_nothing_heavy():
    loaded = loaded_after("import facing; dir(facing); facing.__all__")
    assert not loaded & set(HEAVY)


def test_pictures_and_crops_need_no_network_runtime():
    loaded = loaded_after("import facing; facing.load_picture, facing.crop_heads, facing.HeadPose")
    assert {"numpy", "PIL"} <= loaded
    assert not loaded & {"torch", "typer", "onnxruntime", "scipy", "onnx", "pydantic"}


def test_the_estimator_needs_neither_torch_nor_the_command_line():
    loaded = loaded_after("import facing; facing.PoseEstimator, facing.draw, facing.read_boxes")
    assert not loaded & {"torch", "typer", "rich", "scipy", "onnx", "pydantic"}


def test_every_public_name_is_there_and_sorted():
    classes = [name for name in facing.__all__ if name[0].isupper()]
    others = [name for name in facing.__all__ if not name[0].isupper()]
    assert facing.__all__ == [*sorted(classes), *sorted(others)]
    for name in facing.__all__:
        assert getattr(facing, name) is not None
    assert set(facing.__all__) <= set(dir(facing))


def test_every_error_is_public():
    from facing import errors

    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert tree <= set(facing.__all__)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(facing, "estimate_heads")
