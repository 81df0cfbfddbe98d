"""Every loss file exports a pure function."""

import inspect

import pytest

from facing import registry

PACKAGE = "facing.losses"


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_loss_is_a_documented_typed_function(name):
    module = registry.load(PACKAGE, name, attribute="__doc__", kind="loss")
    assert module.strip()
    loss = registry.load(PACKAGE, name, attribute="LOSS", kind="loss")
    signature = inspect.signature(loss)
    assert inspect.getdoc(loss)
    assert signature.return_annotation == "Tensor"
    positional = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 2
