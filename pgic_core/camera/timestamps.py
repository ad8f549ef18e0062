"""Times as cameras write them: a reading of a clock, and its offset from UTC where one is stated."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["parse_moment", "parse_offset", "text_of_milliseconds", "unix_milliseconds"]

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST = 64
_CLOCK = re.compile(
    r"(?P<year>\d{4})[:/.年-](?P<month>\d\d?)[:/.月-](?P<day>\d\d?)(?:日 ?|[T ]+)"
    r"(?P<before>[AaPp][Mm]|上午|下午)? ?"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<after>[AaPp][Mm]|上午|下午)? ?(?P<offset>.*)",
    re.ASCII,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?", re.ASCII)
_AFTERNOON = ("pm", "下午")
# The clocks of the world run from 12 hours behind UTC to 14 hours before it.
_LEAST, _MOST = timedelta(hours=-12), timedelta(hours=14)


def unix_milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware datetime; below 0 before."""
    return (moment - _UNIX_EPOCH) // timedelta(milliseconds=1)


def text_of_milliseconds(milliseconds: int) -> str:
    """A time in UTC as ISO 8601 text; in words where no date is so far away."""
    try:
        return (_UNIX_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
    except OverflowError:
        return f"{milliseconds} ms after 1970"


def parse_moment(text: str) -> datetime | None:
    """A date with a time of day, as EXIF (``2024:05:01 10:12:34``) or ISO 8601 have it.

    Dashes, slashes and full-width signs are understood, a fraction of a second, 上午 and 下午, and an offset
    after it.

    Returns:
        An aware datetime where an offset is stated, else a naive one. None for what names no moment: hour 24,
        zeros, blanks, an offset that no clock has.
    """
    found = _CLOCK.fullmatch(unicodedata.normalize("NFKC", text[:_LONGEST]).strip())
    if found is None:
        return None
    zone = None
    if found["offset"]:
        zone = parse_offset(found["offset"])
        if zone is None:
            return None
    hour = int(found["hour"])
    half = (found["before"] or found["after"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    try:
        return datetime(
            int(found["year"]),
            int(found["month"]),
            int(found["day"]),
            hour,
            int(found["minute"]),
            int(found["second"] or 0),
            int(f"{(found['fraction'] or '')[:6]:0<6}"),
            tzinfo=zone,
        )
    except ValueError:
        return None


def parse_offset(text: str) -> timezone | None:
    """An offset from UTC: ``+08:00``, ``+0800``, ``+8``, ``UTC+8`` or ``Z``; None where it is none.

    Only offsets that clocks somewhere show are taken: from -12:00 to +14:00, in quarters of an hour.
    """
    text = unicodedata.normalize("NFKC", text[:_LONGEST]).replace("\u2212", "-").strip().upper()
    if text in ("Z", "UTC", "GMT"):
        return UTC
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    minutes = int(found["minutes"] or 0)
    shift = timedelta(hours=int(found["hours"]), minutes=minutes)
    if found["sign"] == "-":
        shift = -shift
    return timezone(shift) if minutes in (0, 15, 30, 45) and _LEAST <= shift <= _MOST else None
