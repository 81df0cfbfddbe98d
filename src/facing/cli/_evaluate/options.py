"""The options of `facing evaluate`, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Data: TypeAlias = Annotated[
    list[str] | None, typer.Option("--data", help="NAME:DIR of a labelled set; may be given several times.")
]
ByProtocol: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol", help="NAME:DIR: a published way of testing, which fixes filter, boxes and crop."
    ),
]
Crop: TypeAlias = Annotated[
    str | None,
    typer.Option("--crop", help="Cut heads of --data by this published rule, such as hopenet or pyramid."),
]
Margin: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--margin", help="K of the pyramid system's margins: 0.6 K left, 2 K above, 0.6 K right and below."
    ),
]
CenterCrop: TypeAlias = Annotated[
    str | None,
    typer.Option("--center-crop", help="A:S, as Resize(A) and CenterCrop(S) would cut, such as 256:224."),
]
Boxes: TypeAlias = Annotated[str, typer.Option("--boxes", help="Head boxes: labels, or detector.")]
Model: TypeAlias = Annotated[
    str,
    typer.Option("--model", help="Pose network: a name, an .onnx file, or a folder of checkpoints."),
]
Epochs: TypeAlias = Annotated[
    str | None, typer.Option("--epochs", help="A:B of a folder of checkpoints; either may be left out.")
]
Select: TypeAlias = Annotated[
    str | None,
    typer.Option("--select", help="NAME:DIR of the validation set on which a checkpoint is chosen."),
]
DetectorName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--detector", help="A name of 'facing models', an .onnx file of ours, yunet or whole-image."
    ),
]
DetectorModel: TypeAlias = Annotated[
    Path | None, typer.Option("--detector-model", help="Weights of the detector, where they do not ship.")
]
PredictionsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        help="Measure this CSV in place of a model: key or picture, then yaw,pitch,roll in degrees, "
        "r00..r22, vx,vy,vz or label; left,top,right,bottom where a picture has several heads.",
    ),
]
PredictionsConvention: TypeAlias = Annotated[
    str, typer.Option("--predictions-convention", help="What the angles or matrices of that file mean.")
]
Json: TypeAlias = Annotated[Path | None, typer.Option("--json", help="Write the figures here.")]
Errors: TypeAlias = Annotated[
    Path | None, typer.Option("--errors", help="Write what happened head by head here, as JSON.")
]
Threshold: TypeAlias = Annotated[
    list[float] | None,
    typer.Option("--threshold", min=0.0, help="Further limit of accuracy, degrees; may be repeated."),
]
By: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--by", help="Errors by ranges of the true yaw, pitch or roll; may be repeated."),
]
Bin: TypeAlias = Annotated[float, typer.Option("--bin", help="Width of these ranges, degrees.")]
Overlays: TypeAlias = Annotated[
    Path | None, typer.Option("--overlays", help="Draw truth (grey) and estimate into every picture, here.")
]
Styles: TypeAlias = Annotated[
    str, typer.Option("--styles", help="How overlays are drawn: axes, arrow, cube, box; with commas.")
]
Plots: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--plots", help="Plot errors against yaw, pitch and roll and a histogram, into this folder."
    ),
]
Worst: TypeAlias = Annotated[
    int | None, typer.Option("--worst", min=1, help="Draw a sheet of this many heads that are furthest off.")
]
Hard: TypeAlias = Annotated[
    float | None, typer.Option("--hard", min=0.0, help="List the pictures whose error is above, degrees.")
]
Html: TypeAlias = Annotated[
    Path | None, typer.Option("--html", help="Write one self-contained report in HTML here.")
]
Robustness: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--robustness",
        help="Measure --data under moved boxes, blur, noise, cover, turns and the like: figures and plots "
        "go into this folder.",
    ),
]
CompatMetrics: TypeAlias = Annotated[
    bool,
    typer.Option("--compat-metrics", help="Also figures as published scripts compute them, faults included."),
]
Curves: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--curves", help="Draw the cumulative error curve of this --errors file; repeat for more models."
    ),
]
History: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--history", help="Draw the training figures of this run folder; repeat for more runs."),
]
Out: TypeAlias = Annotated[
    Path | None,
    typer.Option("--out", help="File of --curves or --history (.png, .svg) or of --worst (.png, .jpg)."),
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads of one network call.")
]
Tta: TypeAlias = Annotated[
    bool, typer.Option("--tta", help="Test-time augmentation: read every head in four boxes moved by 5 %.")
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option("--limit", min=1, help="Look at this many pictures of each set only.")
]
