"""Everything facing raises on purpose.

FacingError
    PictureError      a picture cannot be read
    BoxError          a box has no area, misses the picture or is not four numbers
    ModelError        a model file is missing, foreign or carries no card
    DataError         a dataset, shard, table or asset folder is not what it should be
    RecipeError       a recipe holds a setting that does not exist or cannot be
    UnknownNameError  a name is in no registry
    MissingExtraError an optional dependency is not installed

Every message is one sentence that says what happened, where, and what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class FacingError(Exception):
    """Base of all errors that facing raises on purpose."""


class PictureError(FacingError):
    """A picture cannot be read."""


class BoxError(FacingError):
    """A head box cannot be used."""


class ModelError(FacingError):
    """A model file cannot be used."""


class DataError(FacingError):
    """A dataset, shard, table or asset folder is not what it should be."""


class RecipeError(FacingError):
    """A recipe holds a setting that does not exist or cannot be."""


class UnknownNameError(FacingError):
    """A name is in no registry."""

    @classmethod
    def among(cls, name: str, *, kind: str, known: Iterable[str]) -> UnknownNameError:
        """Say which name is unknown, the nearest known one and all that are known.

        Args:
            name: what was asked for.
            kind: the word for it in the sentence, such as "backbone".
            known: every name there is.
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(f"no {kind} is called {name!r}.{hint} Known: {', '.join(names) or 'none'}")


class MissingExtraError(FacingError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, *, need: str, extra: str) -> MissingExtraError:
        """Name what needs the extra and the line that installs it.

        Args:
            need: what cannot be done without it, such as "rendering heads".
            extra: name of the extra in facing's own metadata.
        """
        return cls(f'{need} needs an extra. Install it: pip install "facing[{extra}]"')
