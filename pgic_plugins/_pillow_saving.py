"""Image of Pillow to ``.pgi`` bytes: which of what Pillow holds beside the pixels still belongs to them."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from typing import IO, TYPE_CHECKING, Any, cast

from PIL import ExifTags, Image

from pgic_core.errors import PgiOptionError, PgiWarning

from ._pillow_errors import pillow_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pgic_core.api import SideData
    from pgic_core.container import Metadata
    from pgic_core.limits import Limits

__all__ = ["encoded", "write_frames"]

_IN_MEMORY = 64 << 20

_INNER_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def encoded(im: Image.Image, *, threads: int | None, limits: Limits | None, whole: bool) -> bytes:
    """A ``.pgi`` file of an image, with what Pillow knows of it and the options given to ``save``.

    Args:
        im: the image; ``im.encoderinfo`` holds the options.
        threads: as for :func:`pgic_core.encode`, like the next.
        limits: what the picture may ask for.
        whole: whether the image is an opened ``.pgi`` file in its full size, whose annotations, extension
            fields and segments still hold.

    Raises:
        OSError, ValueError: as ``Image.save``.
    """
    with pillow_errors():
        from pgic_core.api import encode

        given = im.encoderinfo
        return encode(im, **_options(im, given, threads=threads, limits=limits, whole=whole))


def write_frames(
    im: Image.Image,
    fp: IO[bytes],
    *,
    threads: int | None,
    limits: Limits | None,
    whole: Callable[[Image.Image], bool],
) -> None:
    """Write a sequence of all frames of an image and of those in ``append_images``.

    Args:
        im: the image; ``im.encoderinfo`` holds the options. ``duration`` is a number for all frames, or one
            for each; by default it comes from ``info`` of each.
        fp: where to write.
        threads, limits: as for :func:`encoded`.
        whole: says of an image what :func:`encoded` takes.

    Raises:
        OSError, ValueError: as ``Image.save``.
    """
    given = im.encoderinfo
    durations = given.get("duration")
    with pillow_errors(), tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as made:
        from pgic_core.api import SequenceWriter

        with SequenceWriter(cast("IO[bytes]", made), key_distance=given.get("key_distance")) as writer:
            for image in (im, *given.get("append_images", ())):
                # What Pillow hands on to images that have options of their own.
                asked = {**given, **getattr(image, "encoderinfo", {})}
                before = image.tell()
                for position in range(getattr(image, "n_frames", 1)):
                    if position != image.tell():
                        image.seek(position)
                    duration = durations
                    if isinstance(durations, (list, tuple)):
                        duration = _duration_of(durations, writer.n_frames)
                    options = _options(image, asked, threads=threads, limits=limits, whole=whole(image))
                    shown = image.info.get("duration") if duration is None else duration
                    writer.append(image, duration=shown or None, of_many=True, **options)
                if image.tell() != before:
                    image.seek(before)
        made.seek(0)
        shutil.copyfileobj(made, fp)


def _duration_of(durations: Sequence[float], number: int) -> float:
    if number >= len(durations):
        raise PgiOptionError(f"There are {len(durations)} durations, and more frames.")
    return durations[number]


def _options(
    im: Image.Image, given: Mapping[str, Any], *, threads: int | None, limits: Limits | None, whole: bool
) -> dict[str, Any]:
    """Options of :func:`pgic_core.encode`: what was given to ``save``, and what Pillow knows of the image."""
    from pgic_core.api import EncodeOptions, SideData
    from pgic_core.container import Metadata

    options: dict[str, Any] = {"threads": threads, "limits": limits}
    if isinstance(im.info.get("metadata"), Metadata):
        options["metadata"] = _metadata_of(im, given)
    if isinstance(im.info.get("side_data"), SideData):
        options["side_data"] = im.info["side_data"] if whole else _of_part(im.info["side_data"])
    if isinstance(im.info.get("image_type"), int):
        options["image_type"] = im.info["image_type"]
    if whole:
        described = ("annotations", "extension", "segments")
        options |= {name: im.info[name] for name in described if name in im.info}
    exif = _changed_exif(im)
    if exif is not None:
        options["exif"] = exif
    return options | {name: value for name, value in given.items() if name in EncodeOptions.__annotations__}


def _of_part(side: SideData) -> SideData:
    """Side data of an image whose pixels were cut, without pictures that show the rest."""
    from pgic_core.photos.photo_cropping import side_of_part

    kept, problem = side_of_part(side)
    if problem:
        warnings.warn(PgiWarning(problem), stacklevel=2)
    return kept


def _metadata_of(im: Image.Image, options: Mapping[str, Any]) -> Metadata:
    """The metadata of the image, without what it took from EXIF or XMP that are not saved with it."""
    from pgic_core.api.metadata_arguments import exif_to_bytes
    from pgic_core.photos.metadata_from_exif import follow, metadata_from_photo

    metadata: Metadata = im.info["metadata"]
    if not {"exif", "xmp"} & options.keys():
        return metadata

    def derived(exif: Any, xmp: Any) -> Metadata:
        return metadata_from_photo(
            exif_to_bytes(exif) if exif else None, xmp.encode() if isinstance(xmp, str) else xmp or None
        )

    before = im.info.get("exif"), im.info.get("xmp")
    given = (options.get(name) for name in ("exif", "xmp"))
    after = (old if new is None else new for old, new in zip(before, given, strict=True))
    return follow(metadata, derived(*before), derived(*after))


def _changed_exif(im: Image.Image) -> bytes | None:
    """EXIF as the program left it in ``im.getexif()``; None if it changed nothing: then the bytes stay."""
    exif = getattr(im, "_exif", None)
    # A TIFF's own tags are among its EXIF, and are sorted out elsewhere.
    if exif is None or im.format == "TIFF":
        return None
    before = Image.Exif()
    try:
        before.load(im.info.get("exif", b""))
        if _tags(before) == _tags(exif):
            return None
        return bytes(exif.tobytes()) if len(exif) else b""
    except Exception as error:  # Pillow packs what it read, and what the program put there
        raise PgiOptionError(f"The EXIF of the image cannot be written: {error}.") from error


def _tags(exif: Image.Exif) -> str:
    """Tags and values, those of inner directories too; as text, in which 0/0 equals itself."""
    # To ask for a directory that is not there would make it.
    there = [tag for tag in _INNER_DIRECTORIES if tag in exif or tag in getattr(exif, "_ifds", ())]
    inner = {tag: found for tag in there if (found := dict(exif.get_ifd(tag)))}
    return repr((sorted((tag, value) for tag, value in exif.items() if tag not in there), inner))
