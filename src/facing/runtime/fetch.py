"""Weights that are too large for the package: a URL or a copy of the file -> the user's folder, checked."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from facing.atomic import new_file
from facing.errors import ModelError, UnknownNameError
from facing.runtime.weights import FOLDER, released, shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPMessage
    from typing import IO

    from facing.runtime.weights import ShippedModel

    Progress = Callable[[int, int | None], None]
    """Takes the bytes that have come and the bytes there are, None where the server does not say."""

PIECE = 1 << 18  # bytes between two reports of progress
SHOWN = 12  # digits of a digest in a sentence
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def fetch_model(
    name: str,
    *,
    source: str | os.PathLike[str] | None = None,
    into: Path | None = None,
    folder: Path = FOLDER,
    progress: Progress | None = None,
    timeout_s: float = 30.0,
    plain_loopback: bool = False,
) -> Path:
    """Fetch released weights that are no part of the package; from then on they are found by name.

    The file appears whole, with the digest of the table, or not at all, also when the process is killed. A
    file that is there already is checked and kept.

    Args:
        name: of released weights, such as "base", or their full name.
        source: an https URL, a file URL or a file; None takes the address in the table.
        into: the folder to write to; None for the user's own, `facing.runtime.weights.user_folder`. Elsewhere
            weights are found by name only where FACING_HOME says so.
        folder: of the table.
        progress: is told how far it is.
        timeout_s: for each answer of the server, seconds.
        plain_loopback: take http from this machine as well, for a mirror of one's own.

    Returns:
        The file; for weights of the package, their place in it.

    Raises:
        UnknownNameError: no released weights have this name.
        ModelError: the source cannot be read, is not the released file, or the folder cannot be written.
    """
    model = _model(name, folder=folder, into=into)
    if model.is_intact():
        return model.path
    if not model.fetchable:
        raise ModelError(f"{model.path} of model {name!r} is part of the package; install facing again")
    remedy = f"give a copy of the file: facing models fetch {model.name} --from FILE"
    given = os.fspath(source) if source is not None else model.url
    if not given:
        raise ModelError(f"model {model.name!r} has no address to fetch it from; {remedy}")
    with _opened(given, remedy=remedy, timeout_s=timeout_s, plain_loopback=plain_loopback) as opened:
        _store(opened, model, source=given, progress=progress, remedy=remedy)
    return model.path


class _Opened(NamedTuple):
    stream: BinaryIO | http.client.HTTPResponse
    size: int | None


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a server that sends us elsewhere, but never out of https."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme != urllib.parse.urlsplit(req.full_url).scheme:
            fp.close()
            raise urllib.error.URLError(f"it leads to {newurl}, which is no https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _model(name: str, *, folder: Path, into: Path | None) -> ShippedModel:
    models = shipped(folder, home=into)
    model = released(name, models)
    if model is None:
        raise UnknownNameError.among(name, kind="model", known=[model.name for model in models])
    return model


@contextmanager
def _opened(source: str, *, remedy: str, timeout_s: float, plain_loopback: bool) -> Iterator[_Opened]:
    """Open a file or a URL for reading."""
    parts = urllib.parse.urlsplit(source)
    if "://" not in source or parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path) if parts.scheme == "file" else source)
        try:
            with path.open("rb") as stream:
                yield _Opened(stream, path.stat().st_size)
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror or error}); check its name") from error
        return
    loopback = plain_loopback and parts.scheme == "http" and parts.hostname in LOOPBACK
    if parts.scheme != "https" and not loopback:
        raise ModelError(f"{source} is neither an https address nor a file; {remedy}")
    try:
        opener = urllib.request.build_opener(_SafeRedirects)
        response = opener.open(source, timeout=timeout_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise ModelError(f"{source} cannot be fetched ({_reason(error)}); {remedy}") from error
    with closing(response):
        length = response.headers.get("Content-Length", "")
        yield _Opened(response, int(length) if length.isdecimal() else None)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _store(
    opened: _Opened, model: ShippedModel, *, source: str, progress: Progress | None, remedy: str
) -> None:
    """Write what comes beside its place, and rename it once its digest is right."""
    elsewhere = "choose another folder with --into"
    with new_file(model.path, keep_ending=False, kind=ModelError, remedy=elsewhere) as part:
        with part.open("wb") as target:
            digest = _copy(opened, target, source=source, progress=progress, remedy=remedy)
            target.flush()
            os.fsync(target.fileno())  # the new name must not reach the disk before the bytes
        if digest != model.sha256:
            raise ModelError(
                f"{source} is not model {model.name!r}: its SHA-256 begins with {digest[:SHOWN]}, that of "
                f"the released file with {model.sha256[:SHOWN]}; nothing was kept, check where it comes from"
            )


def _copy(opened: _Opened, target: BinaryIO, *, source: str, progress: Progress | None, remedy: str) -> str:
    """Copy all bytes; give their SHA-256."""
    digest = hashlib.sha256()
    done = 0
    while True:
        try:
            piece = opened.stream.read(PIECE)
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(f"{source} cannot be fetched ({_reason(error)}); {remedy}") from error
        if not piece:
            break
        target.write(piece)
        digest.update(piece)
        done += len(piece)
        if progress is not None:
            progress(done, opened.size)
    if opened.size is not None and done < opened.size:
        raise ModelError(f"{source} broke off after {done} of {opened.size} bytes; {remedy}")
    return digest.hexdigest()
