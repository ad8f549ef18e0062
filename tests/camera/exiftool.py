"""Compares what is read here with what exiftool reads: ``python -m tests.camera.exiftool FOLDER...``.

Prints every difference, and how many values agree. exiftool must be installed (Debian:
libimage-exiftool-perl). DIFFERENCES.md lists and explains what was found in public collections.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from pgic_core.camera import orientation_of, read_camera
from pgic_core.photos.side_data_reading import read_side_data
from pgic_core.photos.source_image import extras_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["EXIFTOOL", "Difference", "compare"]

EXIFTOOL = shutil.which("exiftool")
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".heic", ".avif", ".mpo"}
# Key of ours -> tag of exiftool, as text.
TEXTS = {
    "camera_make": "IFD0:Make",
    "camera_model": "IFD0:Model",
    "camera_serial": "ExifIFD:SerialNumber",
    "lens_model": "ExifIFD:LensModel",
}
# Likewise, as numbers.
NUMBERS = {
    "exposure_time_s": "ExifIFD:ExposureTime",
    "f_number": "ExifIFD:FNumber",
    "iso": "ExifIFD:ISO",
    "focal_length_mm": "ExifIFD:FocalLength",
    "focal_length_35mm_mm": "ExifIFD:FocalLengthIn35mmFormat",
    "exposure_bias_ev": "ExifIFD:ExposureCompensation",
}
CLOCKS = (
    ("ExifIFD:DateTimeOriginal", "ExifIFD:SubSecTimeOriginal", "ExifIFD:OffsetTimeOriginal"),
    ("ExifIFD:CreateDate", "ExifIFD:SubSecTimeDigitized", "ExifIFD:OffsetTimeDigitized"),
    ("IFD0:ModifyDate", "ExifIFD:SubSecTime", "ExifIFD:OffsetTime"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One tag of one file on which the two do not agree."""

    path: Path
    tag: str
    theirs: object
    ours: object

    def __str__(self) -> str:
        return f"{self.path}: {self.tag}: exiftool {self.theirs!r}, we {self.ours!r}"


def compare(paths: Iterable[Path]) -> tuple[list[Difference], Counter[str]]:
    """Differences, and how many values of each tag agree. Files that Pillow does not open are passed over."""
    files = [path for path in paths if path.suffix.lower() in SUFFIXES]
    differences: list[Difference] = []
    agreed: Counter[str] = Counter()
    for start in range(0, len(files), 200):
        for path, theirs in _read(files[start : start + 200]):
            ours = _ours(path)
            if ours is None:
                agreed["files not opened"] += 1
                continue
            agreed["files"] += 1
            for tag, expected, found in _pairs(theirs, ours):
                if expected is None and found is None:
                    continue
                if _equal(expected, found):
                    agreed[tag] += 1
                else:
                    differences.append(Difference(path, tag, expected, found))
    return differences, agreed


def _read(files: list[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not files:
        return
    assert EXIFTOOL is not None
    command = [EXIFTOOL, "-json", "-n", "-G1", "-EXIF:all", "-XMP:all", "-Composite:GPS*"]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, check=False)
    for record in json.loads(done.stdout.decode("utf-8", "replace") or "[]"):
        yield Path(record["SourceFile"]), record


def _ours(path: Path) -> dict[str, Any] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                turned = image.format == "TIFF"
                beside = read_side_data(image)
                if image.format in ("PNG", "TIFF"):
                    image.load()
                extras = extras_of(image, beside)
    except Exception:  # a photo that Pillow does not open is none of ours
        return None
    facts = read_camera(extras.exif, extras.xmp)
    moment, local = facts.moment, facts.parameters.get("local_time")
    return {
        "orientation": None if turned else orientation_of(extras.exif),
        "utc": moment,
        "clock": local,
        "lon": facts.lon,
        "lat": facts.lat,
        "height": facts.height,
        **facts.parameters,
    }


def _pairs(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Name of a tag, what exiftool says, and what we say, in one form."""
    if ours["orientation"] is not None:
        yield "orientation", theirs.get("IFD0:Orientation", 1), ours["orientation"]
    for key, tag in TEXTS.items():
        text = theirs.get(tag) or theirs.get(tag.replace("IFD0:", "XMP-tiff:"))
        text = text or theirs.get(tag.replace("ExifIFD:", "IFD0:"))
        yield key, None if text is None else str(text).strip() or None, ours.get(key)
    for key, tag in NUMBERS.items():
        value = theirs.get(tag)
        yield key, value if isinstance(value, (int, float)) else None, _fraction(ours.get(key))
    clock = next((found for names in CLOCKS if (found := _clock(theirs, *names))), None)
    if clock is None:
        clock = _moment(str(theirs.get("XMP-exif:DateTimeOriginal", "")))
    if clock is not None and clock.tzinfo is not None:
        yield "time with offset", clock.astimezone(UTC), ours["utc"]
    elif ours["utc"] is None:
        yield "time without offset", clock and clock.isoformat()[:19], ours["clock"] and ours["clock"][:19]
    else:
        other = theirs.get("XMP-drone-dji:UTCAtExposure") or theirs.get("Composite:GPSDateTime")
        yield "time of satellites or XMP", _moment(str(other).removesuffix("Z")), ours["utc"]
    for key, names in (("lon", "GPSLongitude"), ("lat", "GPSLatitude"), ("height", "GPSAltitude")):
        value = theirs.get(f"Composite:{names}", theirs.get(f"XMP-drone-dji:{names.replace('GPS', 'Gps')}"))
        if key == "height":
            value = theirs.get("XMP-drone-dji:AbsoluteAltitude", value)
        yield key, float(value) if _is_number(value) else None, ours[key]


def _clock(theirs: dict[str, Any], time: str, fraction: str, offset: str) -> datetime | None:
    moment = _moment(str(theirs.get(time, "")))
    if moment is None:
        return None
    digits = str(theirs.get(fraction, ""))
    if digits.isdigit() and not moment.microsecond:
        moment += timedelta(microseconds=int(f"{digits[:6]:0<6}"))
    zone = str(theirs.get(offset, "")).strip()
    if zone and moment.tzinfo is None:
        try:
            moment = datetime.strptime(f"{moment:%Y%m%d%H%M%S%f} {zone}", "%Y%m%d%H%M%S%f %z")
        except ValueError:
            return moment
    return moment


def _moment(text: str) -> datetime | None:
    for layout in ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y:%m:%d %H:%M", "%Y-%m-%dT%H:%M:%S"):
        for rest in ("", ".%f", "%z", ".%f%z"):
            try:
                moment = datetime.strptime(text.strip(), layout + rest)
            except ValueError:
                continue
            return moment
    return None


def _fraction(text: str | None) -> float | None:
    if text is None:
        return None
    over, slash, under = text.partition("/")
    return float(over) / float(under) if slash else float(over)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _equal(expected: object, found: object) -> bool:
    if isinstance(expected, datetime) and isinstance(found, datetime):
        if expected.tzinfo is None:
            expected = expected.replace(tzinfo=UTC)
        return abs(expected - found) < timedelta(seconds=1)
    if isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        return abs(expected - found) <= 2e-5 * max(abs(expected), 1e-3)
    return expected == found


def _main() -> None:
    if EXIFTOOL is None:
        raise SystemExit("exiftool is not installed.")
    folders = [Path(name) for name in sys.argv[1:]] or [Path("tests/cases")]
    differences, agreed = compare(sorted(path for folder in folders for path in folder.rglob("*")))
    for difference in differences:
        print(difference)
    for tag, count in agreed.most_common():
        print(f"{count:6} {tag}")
    print(f"{len(differences):6} differences")


if __name__ == "__main__":
    _main()
