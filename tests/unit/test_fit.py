"""The trainer on a toy task: what it does to weights, what it writes, and what it survives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.fabric.utilities.optimizer import _optimizers_to_device
from torch import nn

import facing
from facing.errors import ModelError, RecipeError
from facing.training.batches import Batches
from facing.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from facing.training.fit import fit
from facing.training.logs import Log
from facing.training.processes import Machines
from facing.training.recipe import load_recipe
from facing.training.resume import Start, optimizer_tensors, start_from
from facing.training.run import Run, seed_device, share_of, stacked
from facing.training.task import load_task
from toy_training import install_toy, rows, toy_recipe

RECIPES = Path(facing.__file__).parent / "recipes"


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    install_toy(monkeypatch)


def plain_loop(recipe, *, ranks=1):
    """Descent by hand with momentum: the gradients of the parts of a batch, averaged; the stem may wait."""
    task = load_task("toy")
    torch.manual_seed(recipe.seed)
    network = task.network(recipe)
    own = share_of(recipe, ranks=ranks)
    source = task.source(own, None)
    optim = recipe.optim
    speed = {}
    for step in range(optim.steps):
        network.zero_grad()
        for rank in range(ranks):
            (task.loss(network, source(step * ranks + rank), own)["loss"] / ranks).backward()
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if name.startswith("stem") and step < optim.freeze_epochs * optim.epoch_steps:
                    continue
                speed[weight] = speed.get(weight, 0) * optim.momentum + weight.grad
                weight.sub_(optim.lr * (weight.grad + optim.momentum * speed[weight]))
    return network.state_dict()


PLAIN = {
    "name": "sgd",
    "nesterov": True,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
    "ema": 0.0,
    "clip": 0.0,
}


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_it_is_the_plain_loop(tmp_path):
    recipe = toy_recipe(optim=PLAIN | {"epochs": 0, "crops": 160, "epoch_crops": 48})
    fit(recipe, data=tmp_path, out=tmp_path / "run")
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert_same(last.weights, plain_loop(recipe))
    assert [row["step"] for row in rows(tmp_path / "run")] == ["3", "6", "9", "10"]


def test_two_processes_average_their_gradients(tmp_path):
    trace = tmp_path / "trace"
    trace.mkdir()
    recipe = toy_recipe(
        toy={"norm": False, "trace": str(trace)},
        optim=PLAIN | {"epochs": 2, "freeze_epochs": 1, "freeze_groups": {"stem": 0.0}},
    )
    lines = []
    fit(
        recipe,
        data=tmp_path,
        out=tmp_path / "run",
        machines=Machines(devices=2, accelerator="cpu"),
        report=lines.append,
    )
    seen = [
        [json.loads(line) for line in (trace / f"{rank}.jsonl").read_text().splitlines()] for rank in (0, 1)
    ]
    assert len(seen[0]) == len(seen[1]) == 8  # two epochs of 64 pictures in steps of 16
    assert [len(step["x"]) for step in seen[0]] == [8] * 8
    drawn = [str(row) for steps in seen for step in steps for row in step["x"]]
    assert len(set(drawn)) == 128  # no row twice, in neither process
    assert [step["weights"] for step in seen[0]] == [step["weights"] for step in seen[1]]
    assert len(lines) == 2  # one process speaks
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    untraced = recipe.with_optim(recipe.optim.resolved(pictures=64)).model_copy(
        update={"toy": recipe.toy.model_copy(update={"trace": ""})}
    )
    assert_same(last.weights, plain_loop(untraced, ranks=2))


def test_what_a_process_raises_comes_out(tmp_path):
    recipe = toy_recipe(optim=PLAIN | {"lr": 1e30, "freeze_epochs": 1})
    with pytest.raises(RecipeError, match="is no number"):
        fit(recipe, data=tmp_path, out=tmp_path / "run", machines=Machines(devices=2, accelerator="cpu"))


def test_a_batch_must_divide(tmp_path):
    with pytest.raises(RecipeError, match="16 cannot be divided over 3"):
        fit(toy_recipe(), data=tmp_path, out=tmp_path / "run", machines=Machines(devices=3))


def test_machines_must_know_each_other(tmp_path, monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(RecipeError, match="no MASTER_ADDR"):
        fit(toy_recipe(), data=tmp_path, out=tmp_path / "run", machines=Machines(nodes=2))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_missing_gpu_is_said(tmp_path):
    with pytest.raises(RecipeError, match="--accelerator"):
        fit(toy_recipe(), data=tmp_path, out=tmp_path / "run", machines=Machines(accelerator="gpu"))


@pytest.mark.parametrize(
    ("accelerator", "kind", "devices"), [("gpu:1", "gpu", [1]), ("gpu", "gpu", 1), ("cpu", "cpu", 1)]
)
def test_the_gpu_that_is_named_is_the_one_that_trains(accelerator, kind, devices, tmp_path, monkeypatch):
    class ChosenError(Exception):
        pass

    def trainer(**options):
        raise ChosenError(options["accelerator"], options["devices"])

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("lightning.Trainer", trainer)
    with pytest.raises(ChosenError) as chosen:
        fit(
            toy_recipe(optim={"epochs": 1}),
            data=tmp_path,
            out=tmp_path / "run",
            machines=Machines(accelerator=accelerator),
        )
    assert chosen.value.args == (kind, devices)


def test_a_gpu_that_is_not_there_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RecipeError, match=r"no GPU 2, its GPUs are 0 to 1; choose another --accelerator"):
        fit(toy_recipe(), data=tmp_path, out=tmp_path / "run", machines=Machines(accelerator="gpu:2"))
    assert not (tmp_path / "run").exists()


FROZEN = {"name": "adam", "freeze_epochs": 1, "ema": 0.9, "epochs": 6}


@pytest.mark.parametrize("precision", ["32", "16-mixed"])
def test_killed_it_resumes_as_if_it_had_not_been(tmp_path, precision):
    """SIGKILL in the third epoch: the curve, the weights and the moments are those of the unbroken run.

    Dropout draws at every step, so the random numbers must go on where they were, too.
    """
    recipe = toy_recipe(toy={"slow_s": 0.05, "dropout": 0.3}, optim=FROZEN, precision=precision)
    fit(recipe, data=tmp_path, out=tmp_path / "whole")
    settings = json.dumps(recipe.to_dict())
    code = (
        "import json, sys; from pathlib import Path\n"
        "from facing.training.fit import fit; from facing.training.recipe import recipe_from_dict\n"
        "fit(recipe_from_dict(json.loads(sys.argv[1]), where='x'), data=Path(), out=Path(sys.argv[2]))"
    )
    out = tmp_path / "cut"
    process = subprocess.Popen([sys.executable, "-c", code, settings, str(out)])
    deadline = time.monotonic() + 120
    while not (out / "metrics.csv").exists() or len(rows(out)) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = load_checkpoint(out / "last.safetensors").epoch
    assert done in {1, 2, 3}  # the kill may come between the row and the checkpoint

    lines = []
    fit(recipe, data=tmp_path, out=out, resume=True, report=lines.append)
    assert lines[0] == f"resumed at step {4 * done} of 24"
    timeless = [
        [{k: v for k, v in row.items() if k not in {"crops_per_s", "waiting_share"}} for row in rows(folder)]
        for folder in (tmp_path / "whole", out)
    ]
    assert timeless[0] == timeless[1]
    whole, cut = (load_checkpoint(folder / "last.safetensors") for folder in (tmp_path / "whole", out))
    assert whole.best == cut.best
    assert whole.scaler == cut.scaler
    assert bool(cut.scaler) == (precision == "16-mixed")
    for kind in ("weights", "raw", "optim"):
        one, other = getattr(whole, kind), getattr(cut, kind)
        assert one.keys() == other.keys()
        assert all(value.equal(other[name]) for name, value in one.items())


class OnApple(torch.Tensor):
    """A number that lies on a device of Apple's: it cannot become float64 there."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        out = super().__torch_function__(function, types, args, kwargs)
        if function is torch.Tensor.cpu:
            return out.as_subclass(torch.Tensor)
        if isinstance(out, cls) and out.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
        return out


@pytest.mark.parametrize(("kind", "width"), [("mps", torch.float32), ("cuda", torch.float64)])
def test_sums_of_an_epoch_leave_a_device_without_float64(kind, width):
    sums = {name: torch.tensor(value).as_subclass(OnApple) for name, value in {"loss": 2.5, "a": 1.0}.items()}
    with pytest.raises(TypeError, match="float64"):
        sums["loss"].to(torch.float64)
    row = stacked(sums, device=torch.device(kind))
    assert (row.dtype, row.tolist()) == (width, [2.5, 1.0])


@pytest.mark.parametrize("kind", ["mps", "cuda"])
def test_a_step_seeds_the_device_that_draws(monkeypatch, kind):
    seen = []
    monkeypatch.setattr(getattr(torch, kind), "manual_seed", seen.append)
    before = torch.random.get_rng_state()
    seed_device(5, device=torch.device(kind))
    assert torch.initial_seed() == 5
    torch.random.set_rng_state(before)
    assert seen == [5]


@pytest.fixture
def _moved_in_place():
    """Let `to("meta")` keep the very weights that an optimiser holds, as a move to a GPU does."""
    torch.__future__.set_swap_module_params_on_conversion(True)
    yield
    torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.mark.usefixtures("_moved_in_place")
@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_a_resumed_optimiser_leaves_nothing_where_the_network_was(tmp_path, name):
    """Fused optimisers on CUDA refuse step counts in main memory; "meta" stands for the other device."""
    recipe = toy_recipe(optim={"name": name, "epochs": 0, "crops": 32})
    fit(recipe, data=tmp_path, out=tmp_path / "run")
    last = load_checkpoint(tmp_path / "run" / "last.safetensors")
    task = load_task("toy")
    run = Run(
        recipe,
        task=task,
        network=task.network(recipe),
        out=tmp_path / "run",
        rank=1,  # process 0 would open the log
        ranks=2,
        report=print,
        show=print,
    )
    run.restore(last)
    run.trainer = SimpleNamespace(precision_plugin=None)
    # As Lightning's strategies set up a run, before on_fit_start.
    run.to("meta")
    _optimizers_to_device([run.optimizer], torch.device("meta"))
    run.on_fit_start()
    devices = {key: value.device.type for key, value in optimizer_tensors(run.optimizer).items()}
    assert devices == dict.fromkeys(last.optim, "meta")
    assert len(devices) > 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to answer")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_asked_to_stop_it_keeps_the_last_epoch(tmp_path, sign):
    # A shell's background job ignores SIGINT, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    recipe = toy_recipe(optim={"epochs": 50})

    def stop(line, *, lines=[]):  # noqa: B006 - counts the calls
        lines.append(line)
        if len(lines) == 2:
            os.kill(os.getpid(), sign)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, data=tmp_path, out=tmp_path / "run", report=stop)
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").epoch == 2
    assert [row["epoch"] for row in rows(tmp_path / "run")] == ["1", "2"]


def test_frozen_parts_wait_for_their_epoch(tmp_path):
    recipe = toy_recipe(optim={"freeze_epochs": 1, "epochs": 2, "ema": 0.0, "name": "adam"}, keep_every=1)
    fit(recipe, data=tmp_path, out=tmp_path / "run")
    torch.manual_seed(recipe.seed)
    start = load_task("toy").network(recipe).state_dict()
    first, second = (
        load_checkpoint(tmp_path / "run" / "epochs" / f"{n:03d}.safetensors").weights for n in (1, 2)
    )
    assert first["stem.weight"].equal(start["stem.weight"])
    assert not first["body.2.weight"].equal(start["body.2.weight"])
    assert not second["stem.weight"].equal(start["stem.weight"])
    # The moments of the others are kept over the change: 8 steps, of which the stem made 4.
    optim = load_checkpoint(tmp_path / "run" / "last.safetensors").optim
    assert sorted({int(value) for name, value in optim.items() if name.endswith(".step")}) == [4, 8]


def test_every_second_epoch_is_kept_and_the_best_is_one_of_all(tmp_path):
    best = fit(toy_recipe(optim={"epochs": 5}, keep_every=2), data=tmp_path, out=tmp_path / "run")
    kept = sorted(path.name for path in (tmp_path / "run" / "epochs").iterdir())
    assert kept == ["002.safetensors", "004.safetensors"]
    errors = {row["epoch"]: float(row["error"]) for row in rows(tmp_path / "run")}
    story = load_checkpoint(best)
    assert errors[str(story.epoch)] == min(errors.values())
    assert not list((tmp_path / "run").glob(".*"))


def test_epochs_are_passes_through_the_data(tmp_path):
    recipe = toy_recipe(toy={"pictures": 70}, optim={"epochs": 3})
    best = fit(recipe, data=tmp_path, out=tmp_path / "run")
    resolved = load_checkpoint(best).recipe["optim"]
    # 70 pictures are 4 whole batches of 16.
    assert (resolved["epochs"], resolved["crops"], resolved["epoch_crops"]) == (3, 192, 64)
    assert [row["step"] for row in rows(tmp_path / "run")] == ["4", "8", "12"]
    fit(recipe, data=tmp_path, out=tmp_path / "run", resume=True)
    with pytest.raises(RecipeError, match="data of another size"):
        fit(toy_recipe(toy={"pictures": 90}), data=tmp_path, out=tmp_path / "run", resume=True)


def test_labels_out_of_range_are_counted(tmp_path):
    lines = []
    recipe = toy_recipe(toy={"limit": 2.0}, optim={"epochs": 1})
    fit(recipe, data=tmp_path, out=tmp_path / "run", report=lines.append)
    source = load_task("toy").source(recipe, None)
    outside = sum(int((source(step)["y"].abs() > 2).sum()) for step in range(4))
    assert 0 < outside < 64
    assert lines[-1] == f"{outside} of 64 labels lie outside the head's range and were clipped"


def test_a_loss_that_is_no_number_ends_it(tmp_path):
    with pytest.raises(RecipeError, match=r"lower optim\.lr"):
        fit(toy_recipe(optim=PLAIN | {"lr": 1e30}), data=tmp_path, out=tmp_path / "run")


def test_a_run_of_another_recipe_says_what_differs(tmp_path):
    fit(toy_recipe(optim={"epochs": 1}), data=tmp_path, out=tmp_path / "run")
    with pytest.raises(RecipeError, match=r"another recipe .*: optim\.lr is 0\.5 here and 0\.02 there"):
        fit(toy_recipe(optim={"epochs": 1, "lr": 0.5}), data=tmp_path, out=tmp_path / "run", resume=True)


def test_start_says_what_did_not_match(tmp_path):
    theirs = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), nn.Linear(4, 1))
    save_checkpoint(tmp_path / "x.safetensors", Checkpoint(theirs.state_dict(), recipe={}, digest="", step=1))
    ours = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1))
    start = start_from(ours, tmp_path / "x.safetensors")
    assert ours[0].weight.equal(theirs[0].weight)
    assert start.text(tmp_path / "x.safetensors").splitlines() == [
        f"started from {tmp_path / 'x.safetensors'}: 2 of 6 arrays",
        "  not in the file: 2: 3.weight, 3.bias",
        "  of another shape: 2: 1.weight (5, 3) here, (4, 3) there, 1.bias (5,) here, (4,) there",
        "  left over in the file: 2: 2.bias, 2.weight",
    ]
    with pytest.raises(RecipeError, match="shares no weights"):
        start_from(nn.Linear(7, 7), tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="does not exist"):
        start_from(ours, tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("changes", "warned"), [({}, True), ({"seed": 8}, False), ({"data": [{"path": "other"}]}, False)]
)
def test_a_start_with_the_same_seed_and_data_is_told_that_batches_come_again(changes, warned, tmp_path):
    fit(toy_recipe(seed=7), data=tmp_path, out=tmp_path / "first")
    lines = []
    fit(
        toy_recipe(**({"seed": 7} | changes)),
        data=tmp_path,
        out=tmp_path / "second",
        init=tmp_path / "first",
        report=lines.append,
    )
    assert any("add --set seed=8" in line for line in lines) == warned


@pytest.mark.parametrize(("balance", "warned"), [("none", True), ("yaw", False)])
def test_another_balance_draws_other_batches(balance, warned):
    first = load_recipe(RECIPES / "small.toml")
    second = load_recipe(RECIPES / "small.toml", overrides=[f"sampling.balance={balance}"])
    start = Start((), (), (), (), (), recipe=first.to_dict())
    assert bool(start.repeats(Path("run"), recipe=second)) == warned


def test_tensorboard_holds_the_figures(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(toy_recipe(), data=tmp_path, out=tmp_path / "run", tensorboard=True)
    read = events.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    written = [(event.step, event.value) for event in read.Scalars("error")]
    assert written == [
        (int(row["step"]), pytest.approx(float(row["error"]), rel=1e-4)) for row in rows(tmp_path / "run")
    ]


def test_rows_may_gain_columns_and_lose_what_was_ahead(tmp_path):
    log = Log(tmp_path, step=0)
    log.add({"step": 1, "a": 2})
    log.add({"step": 2, "a": 3, "b": 4})
    assert (tmp_path / "metrics.csv").read_text() == "step,a,b\n1,2,\n2,3,4\n"
    Log(tmp_path, step=1)
    assert (tmp_path / "metrics.csv").read_text() == "step,a,b\n1,2,\n"


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_come_in_order_whoever_makes_them(threads):
    def source(number):
        time.sleep(0.002 * (number % 3))
        return {"number": torch.tensor(number)}

    with Batches(source, first=4, steps=11, epoch_steps=4, threads=threads, rank=1, ranks=2) as batches:
        epochs = [[int(batch["number"]) for batch in batches] for _ in range(2)]
    assert epochs == [[9, 11, 13, 15], [17, 19, 21]]
    assert batches.waited_s > 0
