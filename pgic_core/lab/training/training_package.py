r"""Packing a training to run on another machine.

``python -m pgic_core.lab.training.training_package CONFIG --data ROOT --out DIR``.

DIR then holds ``code/``, the trainer with its config file and weights to start from; the pictures in parts
of at most so many MiB each, ``part-1/``, ``part-2/`` ..., for transfers of limited size; and ``run.sh``.
Pictures that take most bytes per pixel are coded anew as AVIF, at quality 75 and then 70, until all fit.

On the machine, ``bash run.sh smoke`` measures a step and ``bash run.sh train`` trains. Both first lay out
what came along, so the parts may come one by one. The machine needs Python 3.11 with NumPy, torch and a
Pillow that reads AVIF, or wheels of what it has not (``--wheel``). Options behind ``--`` go to the trainer::

    python -m pgic_core.lab.training.training_package pgic_core/lab/training/configs/grid-1.toml \
        --data ROOT --out DIR \
        --start weights_fp16.pt -- --device cuda --seconds 500 --set batch=32 --set fine=joint
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from ...errors import PgiError, PgiOptionError
from .config import TrainingConfig, load_config
from .training_pictures import picture_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PackedPicture", "fit", "main", "pack", "split"]

_QUALITIES = (75, 70)
_SPEED = 8
_FULL = 0.98  # of all parts: what is left at the end of a part is smaller than a picture
_MIB = 1 << 20
_RUN = """\
#!/usr/bin/env bash
# Lays out what came along, then measures or trains: run.sh smoke|train [more options of the trainer].
# Results go to $OUT, or to a folder beside the pictures.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${PGIC_TRAINING:-$HOME/pgic-training}
out=${OUT:-$work/out}
mkdir -p "$work/data" "$work/code" "$out"
if [ -d "$here/code" ]; then cp -r "$here/code/." "$work/code"; fi
for part in "$here"/part-*; do
  if [ -d "$part" ]; then cp -r "$part/." "$work/data"; fi
done
if [ -d "$here/wheels" ]; then
  python3 -m pip install --quiet --no-index --no-deps --upgrade --target "$work/site" "$here"/wheels/*.whl
fi
export PYTHONPATH="$work/code:$work/site" PYTHONUNBUFFERED=1
what=${1:?smoke or train}
shift
more=()
if [ "$what" = smoke ]; then more=(--smoke); fi
cd "$work/code"
python3 -m pgic_core.lab.training.train config.toml --data "$work/data" --out "$out" OPTIONS \\
  "${more[@]}" "$@" 2>&1 | tee -a "$out/$what.log"
"""


@dataclass(slots=True)
class PackedPicture:
    """A picture to carry.

    Attributes:
        folder: of the training data.
        path: the file it comes from.
        data: what is written; the file's bytes, or AVIF where that is smaller.
        name: that it is written under.
    """

    folder: str
    path: Path
    data: bytes
    name: str

    def pixels(self) -> int:
        """How many it has."""
        with Image.open(self.path) as image:
            return int(image.width * image.height)

    def recode(self, quality: int) -> None:
        """Code it anew from its file, and keep that if it is smaller."""
        out = io.BytesIO()
        with Image.open(self.path) as image:
            image.convert("RGB").save(out, "AVIF", quality=quality, speed=_SPEED, subsampling="4:4:4")
        if len(out.getvalue()) < len(self.data):
            self.data = out.getvalue()
            self.name = self.path.name if self.path.suffix == ".avif" else f"{self.path.name}.avif"


def fit(pictures: Sequence[PackedPicture], limit: int) -> None:
    """Code pictures anew until all together take ``limit`` bytes.

    Raises:
        PgiOptionError: they do not fit.
    """
    sizes = {id(p): len(p.data) / p.pixels() for p in pictures}
    order = sorted(pictures, key=lambda p: -sizes[id(p)])
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for quality in _QUALITIES:
            for at in range(0, len(order), workers):
                if sum(len(p.data) for p in pictures) <= limit:
                    return
                list(pool.map(lambda p: p.recode(quality), order[at : at + workers]))  # noqa: B023
    total = sum(len(p.data) for p in pictures)
    if total > limit:
        raise PgiOptionError(
            f"At quality {_QUALITIES[-1]} the pictures take {total / _MIB:.1f} MiB, which is more than the "
            f"{limit / _MIB:.1f} MiB of all parts."
        )


def split(pictures: Sequence[PackedPicture], limits: Sequence[int]) -> list[list[PackedPicture]]:
    """Deal pictures to parts, so that each part has its share of every folder.

    Raises:
        PgiOptionError: a picture fits nowhere.
    """
    parts: list[list[PackedPicture]] = [[] for _ in limits]
    used = [0] * len(limits)
    of_folder: dict[str, list[int]] = {}
    for picture in pictures:
        mine = of_folder.setdefault(picture.folder, [0] * len(limits))
        size = len(picture.data)
        room = [i for i, limit in enumerate(limits) if used[i] + size <= limit]
        if not room:
            raise PgiOptionError(f"The picture {picture.path} fits in no part; allow some bytes more.")
        part = min(room, key=lambda i: mine[i] / limits[i])
        parts[part].append(picture)
        used[part] += size
        mine[part] += size
    return parts


def pack(
    config: TrainingConfig,
    config_file: Path,
    data: Path,
    out: Path,
    *,
    limits: Sequence[int],
    start: Path | None = None,
    start_fine: Path | None = None,
    features: Sequence[Path] = (),
    wheels: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> list[int]:
    """Write the folder.

    Args:
        config: what to train.
        config_file: its file.
        data: root of the training folders.
        out: the folder; it must not exist.
        limits: bytes of pictures in each part.
        start: weights of the trainer's ``--start``.
        start_fine: of its ``--start-fine``.
        features: of its ``--features``.
        wheels: Python packages that the machine has not.
        options: more of the trainer's.

    Returns:
        Bytes of pictures in each part.

    Raises:
        PgiInputError: there are no pictures.
        PgiOptionError: the folder exists, or the pictures do not fit.
    """
    if out.exists():
        raise PgiOptionError(f"The folder {out} exists already.")
    pictures = [
        PackedPicture(folder, path, path.read_bytes(), path.name)
        for folder in config.data
        for path in picture_paths(data / folder, config.exclude)
    ]
    fit(pictures, int(_FULL * sum(limits)))
    parts = split(pictures, limits)
    for number, part in enumerate(parts, 1):
        for picture in part:
            target = out / f"part-{number}" / picture.folder / picture.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture.data)
    _write_code(config_file, out / "code")
    line = list(options)
    for option, weights in (("--start", start), ("--start-fine", start_fine)):
        if weights is not None:
            shutil.copyfile(weights, out / "code" / f"{option[2:]}.pt")
            line += [option, f"{option[2:]}.pt"]
    for file in features:
        shutil.copy(file, out / "code")
    if features:
        line += ["--features", *(file.name for file in features)]
    for wheel in wheels:
        (out / "wheels").mkdir(exist_ok=True)
        shutil.copy(wheel, out / "wheels")
    (out / "run.sh").write_text(_RUN.replace("OPTIONS", shlex.join(line)), encoding="utf-8")
    return [sum(len(p.data) for p in part) for part in parts]


def _write_code(config_file: Path, folder: Path) -> None:
    """The package without models, and the config file."""
    package = Path(__file__).resolve().parents[2]
    for file in sorted(package.rglob("*.py")):
        target = folder / package.name / file.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    shutil.copyfile(config_file, folder / "config.toml")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    at = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="python -m pgic_core.lab.training.training_package",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="TOML file of the model")
    parser.add_argument("--data", type=Path, required=True, help="root of the training folders")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; it must not exist")
    parser.add_argument(
        "--budget", type=float, nargs="+", default=[45.0, 50.0], metavar="MIB", help="of each part (45 50)"
    )
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--start-fine", type=Path, help="likewise, of the fine decoder")
    parser.add_argument(
        "--features", type=Path, nargs="+", default=[], help="what features are compared of, for tuning"
    )
    parser.add_argument("--wheel", type=Path, action="append", default=[], help="package to carry along")
    given = parser.parse_args(arguments[:at])
    try:
        sizes = pack(
            load_config(given.config),
            given.config,
            given.data,
            given.out,
            limits=[int(budget * _MIB) for budget in given.budget],
            start=given.start,
            start_fine=given.start_fine,
            features=given.features,
            wheels=given.wheel,
            options=arguments[at + 1 :],
        )
    except PgiError as error:
        parser.error(str(error))
    for number, size in enumerate(sizes, 1):
        print(f"part-{number}: {size / _MIB:.1f} MiB of pictures")


if __name__ == "__main__":
    main()
