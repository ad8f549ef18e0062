"""Times as they are written in the field, and what they must not be taken for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.camera.timestamps import parse_moment, parse_offset

HALF_PAST = datetime(2024, 5, 1, 10, 12, 34)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024:05:01 10:12:34", HALF_PAST),
        ("2024-05-01 10:12:34", HALF_PAST),
        ("2024-05-01T10:12:34", HALF_PAST),
        ("2024/05/01 10:12:34", HALF_PAST),
        ("2024:5:1 10:12:34", HALF_PAST),
        ("2024年5月1日 10:12:34", HALF_PAST),
        ("２０２４：０５：０１　１０：１２：３４", HALF_PAST),
        ("2024:05:01 上午10:12:34", HALF_PAST),
        ("2024:05:01 10:12:34 AM", HALF_PAST),
        ("2024:05:01 下午10:12:34", HALF_PAST + timedelta(hours=12)),
        ("2024:05:01 12:12:34 am", datetime(2024, 5, 1, 0, 12, 34)),
        ("2024:05:01 10:12", datetime(2024, 5, 1, 10, 12)),
        ("2024:05:01 10:12:34.25", HALF_PAST.replace(microsecond=250_000)),
        ("2024:05:01 10:12:34Z", HALF_PAST.replace(tzinfo=UTC)),
        ("2024:05:01 10:12:34.5+08:00", datetime(2024, 5, 1, 2, 12, 34, 500_000, UTC)),
        ("", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:05:01 24:12:07", None),
        ("2024:05:01 10:12:60", None),
        ("2024:13:01 10:12:34", None),
        ("2024:02:30 10:12:34", None),
        ("2024:05:01", None),
        ("2024:05:01 下午13:12:34", None),
        ("2024:05:01 10:12:34 tomorrow", None),
        ("2024:05:01 10:12:34+99:99", None),
        ("yesterday", None),
    ],
)
def test_moments(text: str, moment: datetime | None) -> None:
    found = parse_moment(text)
    assert found == moment
    assert (found is None or found.tzinfo is None) == (moment is None or moment.tzinfo is None)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+08:00", 480),
        ("+0800", 480),
        ("+8", 480),
        ("UTC+8", 480),
        ("gmt-03:30", -210),
        ("＋０８：００", 480),
        ("\u221205:00", -300),
        ("Z", 0),
        ("UTC", 0),
        ("+14:00", 840),
        ("-12:00", -720),
        ("+05:45", 345),
        ("+14:15", None),
        ("-12:30", None),
        ("+99:99", None),
        ("+08:07", None),
        ("08:00", None),
        ("   :  ", None),
        ("中国标准时间", None),
        ("", None),
    ],
)
def test_offsets(text: str, minutes: int | None) -> None:
    zone = parse_offset(text)
    assert (None if zone is None else zone.utcoffset(None)) == (
        None if minutes is None else timedelta(minutes=minutes)
    )


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    parse_moment(text)
    parse_offset(text)
