"""``pgic watermark``: key, embed, detect, edits."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import PgiInputError
from ..small_files import MOST_KEY, read_bytes
from ..terminal import say, show
from .command_base import PgicGroup, option
from .key_options import key_options
from .photo_io import open_photo, write_output
from .value_types import EXISTING_FILE, OUTPUT_FILE, QUALITY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..security.keyring import KeyLike

__all__ = ["watermark"]

_KEY = option(
    "--key", required=True, type=EXISTING_FILE, metavar="FILE", help="Key, made by 'pgic watermark key'."
)


@click.group(cls=PgicGroup)
def watermark() -> None:
    """Embed invisible ids in pictures, and find them."""


@watermark.command(examples=("pgic watermark key mark.key",))
@click.argument("name", metavar="NAME", type=OUTPUT_FILE)
def key(name: Path) -> None:
    """Make a key. Whoever has it can find and forge watermarks."""
    from ..security.watermark import make_watermark_key

    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(make_watermark_key().hex() + "\n")
    except FileExistsError as error:
        raise PgiInputError(f"{name} exists already; keys are not overwritten.") from error
    except OSError as error:
        raise PgiInputError(error.errno, f"The key cannot be written: {error.strerror}", str(name)) from error
    show(f"{name}: secret, keep it")


@watermark.command(
    examples=(
        "pgic watermark embed photo.jpg photo.pgi --key mark.key",
        "pgic watermark embed photo.jpg mine.pgi --key mark.key --id 4d2f00c81a6b9e53",
    )
)
@click.argument("photo", metavar="INPUT", type=EXISTING_FILE)
@click.argument("output", metavar="OUTPUT.pgi", type=OUTPUT_FILE)
@_KEY
@option("--id", "identity", metavar="HEX", help="The id, 16 hex digits. [default: a random one]")
@option("-q", "--quality", type=QUALITY, default=50, metavar="1-100", help="Quality. [default: 50]")
def embed(photo: Path, output: Path, key: Path, identity: str | None, quality: int) -> None:
    """Encode a photo with a watermark, and print its id.

    The watermark changes pixels: keep the original where the photo is to be evidence.
    """
    from ..api import encode
    from ..photos.conversion_losses import collected, sentence
    from ..security.watermark import Watermark

    mark = Watermark(_key(key)) if identity is None else Watermark(_key(key), _id(identity))
    image, _ = open_photo(str(photo))
    with image, collected() as lost:
        data = encode(image, quality=quality, watermark=mark)
    if lost:
        say(f"pgic: {sentence(str(photo), lost)}")
    write_output(str(output), data)
    show(mark.identity.hex())


@watermark.command(examples=("pgic watermark detect copy.jpg --key mark.key",))
@click.argument("picture", metavar="INPUT", type=EXISTING_FILE)
@_KEY
@key_options(advanced=False, name="--unlock")
def detect(picture: Path, key: Path, keys: list[KeyLike]) -> None:
    """Find the id in a picture, and print it.

    INPUT is a .pgi file or a photo, which may have been coded again, scaled, cropped or turned. The exit
    status is 1 if no id is found.
    """
    from ..security.watermark import detect as find

    found = find(_pixels(picture, keys), _key(key))
    if found is None:
        say(f"pgic: {picture}: no watermark of this key")
        sys.exit(1)
    scale = f"{found.scale[0]:.3f} x {found.scale[1]:.3f}"
    show(found.identity.hex(), f"scale {scale}, orientation {found.turned}")


@watermark.command(examples=("pgic watermark edits copy.jpg --key mark.key",))
@click.argument("picture", metavar="INPUT", type=EXISTING_FILE)
@_KEY
@key_options(advanced=False, name="--unlock")
def edits(picture: Path, key: Path, keys: list[KeyLike]) -> None:
    """Find blocks of a marked picture that were changed.

    Prints x, y, width and height of each, in pixels. INPUT has the size in which it was marked; it may have
    been saved as a JPEG. The exit status is 1 if a block was changed.
    """
    from ..security.watermark import find_edits

    found = find_edits(_pixels(picture, keys), _key(key))
    if found is None:
        say(f"pgic: {picture}: no watermark of this key, or the picture was scaled or cropped")
        sys.exit(1)
    for box in found.boxes:
        show(*map(str, box))
    changed, silent = len(found.boxes), int(found.unknown.sum())
    say(f"{picture}: {changed} of {found.changed.size} blocks changed, {silent} tell nothing")
    if found.boxes:
        sys.exit(1)


def _pixels(picture: Path, keys: list[KeyLike]) -> NDArray[Any]:
    """The pixels of a photo or a .pgi file, as stored."""
    import numpy as np

    from ..api import decode
    from ..container import is_pgi

    with picture.open("rb") as file:
        start = file.read(4)
    if is_pgi(start):
        return decode(picture, keys=keys)
    image, _ = open_photo(str(picture))
    with image:
        return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))


def _key(path: Path) -> bytes:
    data = read_bytes(path, "watermark key", MOST_KEY)
    try:
        return bytes.fromhex(data.decode("ascii").strip())
    except ValueError as error:
        raise PgiInputError(f"{path} is not a watermark key.") from error


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise click.UsageError(f"--id must be 16 hex digits, not {text!r}.") from error
