"""Small sets for the doctor: pictures of blobs, labels as wanted, and a reader over them."""

from pathlib import Path

import numpy as np
from PIL import Image

from facing.datasets.doctor.finding import Finding
from facing.datasets.sample import ANGLES, LabelledHead, Reader, Sample
from facing.geometry.rotation import rotation_from_euler

SIDE = (160, 120)
BOX = (40.0, 30.0, 100.0, 100.0)


def picture(seed: int) -> np.ndarray:
    """Draw smooth blobs of colour, (120, 160, 3): nothing like another seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return np.asarray(coarse.resize(SIDE, Image.Resampling.BICUBIC))


def poses(count: int, *, seed: int = 0) -> np.ndarray:
    """Draw (count, 3, 3) rotations as photographs show them: wide in yaw, less in pitch and roll."""
    rng = np.random.default_rng(seed)
    yaw, pitch, roll = rng.normal(0, 35, count), rng.normal(0, 18, count), rng.normal(0, 15, count)
    return rotation_from_euler(yaw=np.clip(yaw, -75, 75), pitch=np.clip(pitch, -60, 60), roll=roll)


def write_samples(folder: Path, *, count: int, seed: int = 0) -> list[Sample]:
    """Write pictures and give healthy samples of them."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for index, rotation in enumerate(poses(count, seed=seed)):
        path = folder / f"{seed}_{index:03}.png"
        Image.fromarray(picture(1000 * seed + index)).save(path)
        samples.append(Sample(path.stem, path, (LabelledHead(BOX, rotation, known=ANGLES),)))
    return samples


def reader(samples: list, *, expected: int | None = None, known=ANGLES, classes: bool = False) -> Reader:
    """Make a reader that yields these samples whatever the folder."""
    return Reader(
        title="blobs",
        licence="CC0",
        may_train_shipped_weights=True,
        box_rule="fixed",
        convention="ours",
        complete_labels=True,
        known=known,
        samples=lambda _: iter(samples),
        classes=classes,
        expected_count=expected,
    )


def by_name(findings) -> dict[str, Finding]:
    """Sort findings by their names; each name at most once."""
    rows = list(findings)
    named = {finding.name: finding for finding in rows}
    assert len(named) == len(rows), [finding.name for finding in rows]
    return named
