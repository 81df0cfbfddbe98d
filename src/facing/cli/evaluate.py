"""facing evaluate: measure a model, a folder of checkpoints or a file of predictions."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from facing.cli._evaluate import options  # noqa: TC001 - typer reads the annotations
from facing.cli._evaluate.crops import asked_crop
from facing.cli._evaluate.folder import choose_checkpoint, exported, read_epochs
from facing.cli._evaluate.modes import check_options
from facing.cli._evaluate.outputs import Asked, check_outputs, write_figures, write_outputs, write_report
from facing.cli._evaluate.pictures import draw_curves, draw_history
from facing.cli._evaluate.robustness import write_robustness
from facing.cli._evaluate.sets import check_words, file_measurer, labelled_sets, model_measurer
from facing.cli._shared import data_stream

if TYPE_CHECKING:
    from facing.cli._evaluate.sets import LabelledSet
    from facing.datasets.sample import Angle
    from facing.evaluation.run import Measured


def evaluate(
    context: typer.Context,
    data: options.Data = None,
    protocol: options.ByProtocol = None,
    crop: options.Crop = None,
    margin: options.Margin = None,
    center_crop: options.CenterCrop = None,
    boxes: options.Boxes = "labels",
    model: options.Model = "small",
    epochs: options.Epochs = None,
    select: options.Select = None,
    detector: options.DetectorName = "heads",
    detector_model: options.DetectorModel = None,
    predictions: options.PredictionsFile = None,
    predictions_convention: options.PredictionsConvention = "300w-lp",
    json_file: options.Json = None,
    errors: options.Errors = None,
    threshold: options.Threshold = None,
    by: options.By = None,
    bin_deg: options.Bin = 15.0,
    overlays: options.Overlays = None,
    styles: options.Styles = "axes",
    plots: options.Plots = None,
    worst: options.Worst = None,
    hard: options.Hard = None,
    html: options.Html = None,
    robustness: options.Robustness = None,
    compat_metrics: options.CompatMetrics = False,
    curves: options.Curves = None,
    history: options.History = None,
    out: options.Out = None,
    tta: options.Tta = False,
    threads: options.Threads = None,
    limit: options.Limit = None,
) -> None:
    """Measure a model on labelled pictures: errors in degrees, shares, and what a detector finds.

    Exit code 3 says that a picture could not be used; the others are done.
    One set is written as one flat object, several as {"schema": 1, "sets": [...]}. Of a folder of
    checkpoints the one counts that is best on --select, or the last one; never the best on the test set.

    Its Python twins are evaluate_set and evaluate_predictions of facing.evaluation.run, and
    facing.evaluation.robustness.robustness_of_set.
    """
    from facing.cli._pictures import read_styles
    from facing.evaluation.summary import Wanted
    from facing.evaluation.table import table

    drawn = tuple(read_styles(styles))
    check_options(context)
    if curves or history:
        draw = draw_curves if curves else draw_history
        draw(curves or history or (), out=out, json_file=json_file)
        return
    check_words(boxes=boxes, by=by or ())
    own_crop = asked_crop(crop, margin=margin, centre=center_crop)
    sets = labelled_sets(data or (), protocol or (), crop=own_crop)
    if not sets:
        raise typer.BadParameter("nothing to measure on; give --data NAME:DIR or --protocol NAME:DIR")
    if robustness is not None:
        write_robustness(sets, model=model, folder=robustness, threads=threads, limit=limit)
        return
    wanted = Wanted(
        limits_deg=tuple(threshold or ()),
        by=cast("tuple[Angle, ...]", tuple(by or ())),
        bin_deg=bin_deg,
        hard_deg=hard,
        compat=compat_metrics,
    )
    asked = Asked(overlays=overlays, styles=drawn, plots=plots, worst=worst, out=out, html=html)
    check_outputs(asked)
    found_by = detector if boxes == "detector" else None
    opened: dict[str, Any] = {
        "detector": found_by,
        "detector_model": detector_model,
        "threads": threads,
        "tta": tta,
        "limit": limit,
        "wanted": wanted,
    }
    card = None
    kept: dict[str, Any] = {}
    notes: list[str] = []
    with ExitStack() as stack:
        if predictions is not None:
            measure = file_measurer(
                predictions, convention=predictions_convention, limit=limit, wanted=wanted
            )
        else:
            chosen: str | Path = model
            if Path(model).is_dir():
                chosen, kept, notes = choose_checkpoint(
                    stack.enter_context(exported(Path(model), epochs=read_epochs(epochs))),
                    select=labelled_sets([select])[0] if select else None,
                    sets=sets,
                    measure=lambda path, one: model_measurer(path, **opened)[0](one),
                    plots=plots,
                )
            elif epochs or select:
                raise typer.BadParameter(f"--epochs and --select need a folder; --model {model} is none")
            measure, card = model_measurer(chosen, **opened)
        done: list[tuple[LabelledSet, Measured]] = []
        for one in sets:
            measured = measure(one)
            done.append((one, measured))
            print(table(measured.figures, name=one.name, protocol=one.protocol), file=data_stream())
    about: dict[str, Any] = {"model": card.name if card else None, "detector_name": found_by}
    about |= {"predictions": predictions.name} if predictions else {}
    about |= {"checkpoints": kept} if kept else {}
    write_figures(done, about=about, json_file=json_file, errors=errors)
    write_outputs(done, asked=asked)
    write_report(
        done,
        asked=asked,
        command=" ".join(["facing", *sys.argv[1:]]),
        card=card,
        predictions=predictions,
        notes=notes,
    )
    if any(own.run.failures for _, own in done):
        raise typer.Exit(3)


COMMAND = evaluate
