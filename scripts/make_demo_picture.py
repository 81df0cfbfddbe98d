"""Draw the picture that `facing demo` runs on: three rendered people before a panorama.

    python scripts/make_demo_picture.py PACK src/facing/weights/demo.jpg

Seeds were chosen by looking; nobody in it exists.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from facing.synth.assets import Pack
from facing.synth.backgrounds import sample_background
from facing.synth.person import PersonMaker
from facing.synth.render import Renderer
from facing.synth.sample import VIEWS, render_person

SIDE = 520
WIDTH, HEIGHT = 1080, 640
PLACES = ((350, 0.85), (-10, 1.12), (560, 1.2))  # x of the left edge and scale; far to near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--people", type=int, nargs=6, metavar="N", default=[20, 7, 8, 1, 14, 2])
    parser.add_argument("--background", type=int, default=32)
    args = parser.parse_args()

    pack = Pack(args.pack)
    maker = PersonMaker(pack, framing="bust")
    renderer = Renderer(side=SIDE, pack=pack)
    ground = sample_background(np.random.default_rng(args.background), pack=pack, side=WIDTH)
    top = (WIDTH - HEIGHT) // 2
    scene = Image.fromarray(ground[top : top + HEIGHT]).filter(ImageFilter.GaussianBlur(3))
    chosen = zip(args.people[::2], args.people[1::2], strict=True)
    for (person, view), (x, scale) in zip(chosen, PLACES, strict=True):
        samples = list(
            render_person(person, seed=args.seed, framing="bust", renderer=renderer, maker=maker, pack=pack)
        )
        cut = Image.fromarray(samples[view % VIEWS].pixels())
        size = round(SIDE * scale)
        cut = cut.resize((size, size), Image.Resampling.LANCZOS)
        scene.paste(cut, (x, HEIGHT - size + 2), cut)  # the cut through the chest stays outside
    args.out.parent.mkdir(parents=True, exist_ok=True)
    scene.save(args.out, quality=88, optimize=True)


if __name__ == "__main__":
    main()
