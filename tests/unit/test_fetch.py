"""Weights that are no part of the package: a real server on this machine, real files, a real kill."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import facing
from facing.errors import ModelError, UnknownNameError
from facing.runtime.fetch import PIECE, fetch_model
from facing.runtime.weights import shipped, user_folder, weights_path
from tiny_models import write_pose

PACKAGE = Path(facing.__file__).parent
BYTES = b"released" * 100_000
DIGEST = hashlib.sha256(BYTES).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Gives the bytes whole, cut off, from elsewhere, slowly or not at all, as the path says."""

    def do_GET(self):
        port = self.server.server_address[1]
        if self.path == "/moved":
            return self.moved(f"http://127.0.0.1:{port}/base-1.onnx")
        if self.path == "/lured":
            return self.moved("ftp://127.0.0.1/base-1.onnx")
        if self.path == "/gone":
            return self.send_error(404)
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(BYTES)))
        self.end_headers()
        if self.path == "/hangs":
            self.wfile.write(BYTES[: PIECE + 1])
            self.wfile.flush()
            self.server.released.wait(30)
        elif self.path == "/cut":
            self.wfile.write(BYTES[:-1])
        else:
            self.wfile.write(BYTES)
        return None

    def moved(self, address):
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as found:
        found.released = threading.Event()
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_address[1]}"
        found.released.set()
        found.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path):
    """Make a table with a model of the package, one to fetch, and one that has no address yet."""
    (tmp_path / "table").mkdir()
    row = {"sha256": DIGEST, "kind": "pose", "licence": "MIT"}
    rows = {
        "small": {"file": "small-1.onnx", **row},
        "base": {"file": "base-1.onnx", **row, "url": "https://models.invalid/base-1.onnx", "mb": 0.8},
        "wide": {"file": "wide-1.onnx", **row, "mb": 0.8},
    }
    (tmp_path / "table" / "weights.json").write_text(json.dumps(rows))
    (tmp_path / "table" / "small-1.onnx").write_bytes(BYTES)
    return tmp_path / "table"


@pytest.fixture
def copy(tmp_path):
    (tmp_path / "a copy.onnx").write_bytes(BYTES)
    return tmp_path / "a copy.onnx"


def holds(place):
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


@pytest.mark.parametrize("form", ["path", "text", "url"])
def test_a_copy_is_checked_stored_and_found_by_name(folder, home, copy, form):
    source = {"path": copy, "text": str(copy), "url": copy.as_uri()}[form]
    assert fetch_model("base", source=source, folder=folder) == home / "base-1.onnx"
    assert (home / "base-1.onnx").read_bytes() == BYTES
    assert holds(home) == ["base-1.onnx"]
    assert (
        weights_path("base", folder=folder) == weights_path("base-1", folder=folder) == home / "base-1.onnx"
    )


@pytest.mark.parametrize("page", ["base-1.onnx", "moved", "unsized"])
def test_a_server_is_read_and_progress_told(folder, home, server, page):
    told = []
    fetch_model(
        "base-1",
        source=f"{server}/{page}",
        folder=folder,
        plain_loopback=True,
        progress=lambda *now: told.append(now),
    )
    assert (home / "base-1.onnx").read_bytes() == BYTES
    total = None if page == "unsized" else len(BYTES)
    assert told[-1] == (len(BYTES), total)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) >= len(BYTES) // PIECE


def test_what_is_there_is_not_fetched_again(folder, home, copy):
    fetch_model("base", source=copy, folder=folder)
    copy.unlink()
    assert fetch_model("base", source=copy, folder=folder) == home / "base-1.onnx"
    assert fetch_model("base", folder=folder) == home / "base-1.onnx"  # its address does not exist


def test_what_was_damaged_is_fetched_again(folder, home, copy):
    home.mkdir()
    (home / "base-1.onnx").write_bytes(BYTES[:-1])
    fetch_model("base", source=copy, folder=folder)
    assert (home / "base-1.onnx").read_bytes() == BYTES


def test_another_folder_becomes_the_home(folder, home, copy, tmp_path, monkeypatch):
    path = fetch_model("base", source=copy, into=tmp_path / "mine", folder=folder)
    assert path == tmp_path / "mine" / "base-1.onnx"
    with pytest.raises(ModelError, match="not fetched yet"):
        weights_path("base", folder=folder)
    monkeypatch.setenv("FACING_HOME", str(tmp_path / "mine"))
    assert weights_path("base", folder=folder) == path


def test_weights_of_the_package_stay_there(folder, home):
    assert fetch_model("small", folder=folder) == folder / "small-1.onnx"
    (folder / "small-1.onnx").unlink()
    with pytest.raises(ModelError, match="part of the package; install facing again"):
        fetch_model("small", folder=folder)
    assert holds(home) == []


def test_a_checkout_that_holds_the_file_needs_no_fetching(folder, home):
    (folder / "base-1.onnx").write_bytes(BYTES)
    assert weights_path("base", folder=folder) == fetch_model("base", folder=folder) == folder / "base-1.onnx"


def test_what_was_not_fetched_says_how(folder, home):
    base = next(model for model in shipped(folder) if model.name == "base")
    assert (base.fetchable, base.mb, base.path) == (True, 0.8, home / "base-1.onnx")
    for given in ("base", "base-1"):
        with pytest.raises(ModelError) as caught:
            weights_path(given, folder=folder)
        assert str(caught.value) == f"model '{given}' is not fetched yet; run facing models fetch base"


def test_a_wrong_file_is_refused_and_leaves_nothing(folder, home, tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"other")
    home.mkdir()
    (home / "base-1.onnx").write_bytes(b"older")
    with pytest.raises(ModelError) as caught:
        fetch_model("base", source=tmp_path / "other.onnx", folder=folder)
    assert f"begins with {hashlib.sha256(b'other').hexdigest()[:12]}," in str(caught.value)
    assert f"with {DIGEST[:12]};" in str(caught.value)
    assert holds(home) == ["base-1.onnx"]
    assert (home / "base-1.onnx").read_bytes() == b"older"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("gone", r"cannot be fetched \(Not Found\)"),
        ("cut", rf"broke off after {len(BYTES) - 1} of {len(BYTES)} bytes|IncompleteRead"),
        ("lured", r"leads to ftp://127.0.0.1/base-1.onnx"),
        ("hangs", r"cannot be fetched \(timed out\)"),
    ],
)
def test_a_server_that_fails_is_named(folder, home, server, page, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        fetch_model("base", source=f"{server}/{page}", folder=folder, plain_loopback=True, timeout_s=0.5)
    assert f"{server}/{page}" in str(caught.value)
    assert "facing models fetch base --from FILE" in str(caught.value)
    assert holds(home) == []


def test_without_a_network_the_remedy_is_a_copy(folder, home):
    with socket.socket() as taken:  # bound and deaf: nobody answers there
        taken.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{taken.getsockname()[1]}/base-1.onnx"
        with pytest.raises(ModelError, match=r"refused.*fetch base --from FILE") as caught:
            fetch_model("base", source=address, folder=folder)
    assert address in str(caught.value)
    with pytest.raises(ModelError, match=r"'wide' has no address.*fetch wide --from FILE"):
        fetch_model("wide", folder=folder)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("http://127.0.0.1/base-1.onnx", "neither an https address nor a file"),
        ("ftp://models.invalid/base-1.onnx", "neither an https address nor a file"),
        ("gone.onnx", r"gone.onnx cannot be read \(No such file or directory\)"),
        ("file:///gone/base-1.onnx", r"base-1.onnx cannot be read"),
    ],
)
def test_other_sources_are_refused(folder, home, source, reason):
    with pytest.raises(ModelError, match=reason):
        fetch_model("base", source=source, folder=folder)


def test_http_is_for_this_machine_only(folder, home):
    with pytest.raises(ModelError, match="neither an https address"):
        fetch_model("base", source="http://models.invalid/b.onnx", folder=folder, plain_loopback=True)


def test_a_folder_that_cannot_be_written_is_named(folder, copy, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ModelError, match=r"base-1.onnx cannot be written .*--into"):
        fetch_model("base", source=copy, into=tmp_path / "file", folder=folder)


def test_unknown_names_list_the_known(folder):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'base'. Known: base, small, wide"):
        fetch_model("bass", folder=folder)


def test_a_killed_fetch_leaves_nothing_that_is_found(folder, home, server, copy):
    code = (
        "import sys\nfrom pathlib import Path\nfrom facing.runtime.fetch import fetch_model\n"
        "fetch_model('base', source=sys.argv[1], folder=Path(sys.argv[2]), plain_loopback=True)\n"
    )
    command = [sys.executable, "-c", code, f"{server}/hangs", str(folder)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in home.glob(".*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    with pytest.raises(ModelError, match="not fetched yet"):
        weights_path("base", folder=folder)
    assert fetch_model("base", source=copy, folder=folder).read_bytes() == BYTES


def test_the_folder_follows_the_rules_of_the_system(tmp_path, monkeypatch):
    monkeypatch.setenv("FACING_HOME", str(tmp_path))
    assert user_folder() == tmp_path
    monkeypatch.delenv("FACING_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_folder() == tmp_path / ".local/share/facing"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_folder() == tmp_path / "data/facing"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert user_folder() == tmp_path / "Local/facing"


def test_the_commands_fetch_list_and_use_it(tmp_path):
    """A copy of the package whose table has one more row, as a user meets it."""
    package = tmp_path / "site" / "facing"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    model = write_pose(tmp_path / "tiny.onnx")
    table = package / "weights" / "weights.json"
    row = {"file": "base-1.onnx", "kind": "pose", "licence": "MIT", "mb": 0.1}
    row["sha256"] = hashlib.sha256(model.read_bytes()).hexdigest()
    table.chmod(0o644)
    table.write_text(json.dumps({"base": row}))

    def facing_command(*words):
        return subprocess.run(
            [sys.executable, "-m", "facing", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "site"), "FACING_HOME": str(tmp_path / "home")},
        )

    estimate = ("estimate", str(PACKAGE / "weights" / "demo.jpg"), "--model", "base", "--whole-image")
    assert "not fetched; get it with: facing models fetch base --from FILE" in facing_command("models").stdout
    refused = facing_command(*estimate)
    assert refused.returncode == 3
    assert (
        refused.stderr
        == "facing: model 'base' is not fetched yet; run facing models fetch base --from FILE\n"
    )
    done = facing_command("models", "fetch", "base", "--from", "tiny.onnx")
    assert done.returncode == 0, done.stderr
    size = model.stat().st_size / 1e6
    assert done.stderr == f"base: {size:.1f} of {size:.1f} MB\n"
    assert done.stdout == f"{tmp_path / 'home' / 'base-1.onnx'}\n"
    listed = facing_command("models").stdout
    assert "tiny-1; gives rotation, spread" in listed
    assert f"fetched, {tmp_path / 'home' / 'base-1.onnx'}" in listed
    assert facing_command(*estimate).returncode == 0
    (tmp_path / "home" / "base-1.onnx").write_bytes(b"broken")
    assert "damaged; facing models fetch base" in facing_command("models").stdout
