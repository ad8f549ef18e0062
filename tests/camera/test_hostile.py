"""Kinds of attack on EXIF and XMP: few bytes that once took seconds and gigabytes.

They run in a process of their own, which gets 500 MB above what it has when it starts; each may take 2
seconds of processor time.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgic_core
from pgic_core.camera import exif as exif_module
from pgic_core.camera import orientation_of, read_camera
from pgic_core.camera.exif import read_exif
from pgic_core.camera.xmp import read_xmp, scan_xmp

from .tiff import EXIF_IFD, GPS_IFD, Directory, ascii_, exif, long, short

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURE = np.zeros((16, 16), np.uint8)


def shared_tags(pointers: bytes) -> bytes:
    """5,000 tags that share 60,000 bytes, in the directory that ``pointers`` lead to."""
    count = len(pointers) // 12
    table = struct.pack("<H", count) + pointers + bytes(4)
    at = 8 + len(table)
    tags = b"".join(struct.pack("<HHLL", 0x9200 + n, 7, 60_000, 8) for n in range(5_000))
    return b"II*\0\x08\0\0\0" + table + struct.pack("<H", 5_000) + tags + bytes(at)


def three_pointers() -> bytes:
    where = 8 + 2 + 3 * 12 + 4
    return shared_tags(
        struct.pack("<HHLL", EXIF_IFD, 4, 1, 8) * 2 + struct.pack("<HHLL", EXIF_IFD, 4, 1, where)
    )


def short_pointer() -> bytes:
    return shared_tags(struct.pack("<HHLHH", EXIF_IFD, 3, 1, 8 + 2 + 12 + 4, 0))


def shared_rationals() -> bytes:
    """Two tags of 15 MB of fractions in the same bytes; deflated, 23 KB."""
    size = 15_000_000
    entries = b"".join(struct.pack("<HHLL", tag, 5, size // 8, 38) for tag in (0x829A, 0x829D))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4) + bytes(size)


def circles() -> bytes:
    """Directories that lead to themselves and to one another."""
    main = Directory([(EXIF_IFD, long(8)), (EXIF_IFD, long(9)), (GPS_IFD, long(8)), (0x010F, ascii_("DJI"))])
    return exif(main)


def many_entries() -> bytes:
    return b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHLL", 0x0112, 3, 0, 0) * 65_535


def thumbnails() -> bytes:
    """900 entries about a thumbnail that all claim the same megabytes."""
    size = 10_000_000
    table = 8 + 2 + 4
    entries = b"".join(struct.pack("<HHLL", 0x1000 + n, 7, size, table + 6 + 12 * 900) for n in range(900))
    return b"II*\0\x08\0\0\0\0\0" + struct.pack("<LH", table, 900) + entries + bytes(4 + size)


EXIF_ATTACKS: dict[str, Callable[[], bytes]] = {
    "1: three pointers": three_pointers,
    "1: pointer of type SHORT": short_pointer,
    "2: fractions that share bytes": shared_rationals,
    "1: circles": circles,
    "1: many entries": many_entries,
    "2: thumbnail of many values": thumbnails,
}
XMP_ATTACKS = {
    "3: namespace of 2 MB times 20,000 elements": lambda: (
        f'<x:x xmlns:p="{"u" * (2 << 20)}">' + '<p:a p:b="1"/>' * 20_000 + "</x:x>"
    ),
    "3: attributes": lambda: "<a " + 'b="" ' * 800_000 + "/>",
    "3: names without values": lambda: "<a" + " x" * 2_000_000,
    "3: depth": lambda: "<a>" * 1_000_000,
    "3: quotes that never end": lambda: "<a b='" + '<a b="' * 600_000,
    "3: blanks": lambda: ("<a" + " " * 100) * 40_000,
    "3: comments that never end": lambda: "<!--" * 1_000_000,
    "3: end tags": lambda: "".join(f"<a{n}>" for n in range(31)) + "</a>" * 900_000,
    "3: names": lambda: "<" + "a:" * 1_000_000 + "gps" * 100_000 + "/>",
    "3: names that start alike": lambda: "latitude" * 400_000,
    "3: references": lambda: '<a b="' + "&#1;" * 900_000 + '"/>',
}
SCRIPT = """
import resource, sys, time
import pgic_core, pgic_core.api.metadata_editing, pgic_core.photos.metadata_from_exif
with open("/proc/self/statm") as statm:
    size = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 500_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
for path in sys.argv[1:]:
    start = time.process_time()
    with pgic_core.open_file(path) as file:
        for _ in range(1000):
            file.orientation
        file.annotations
        file.decode()
    pgic_core.inspect(path)
    for what in ("location", "device", "thumbnail"):
        try:
            pgic_core.strip_metadata(path, **{what: True})
        except pgic_core.PgiUnsupportedError:
            pass
    pgic_core.set_metadata(path, exif=None, xmp=None)
    print(time.process_time() - start)
"""


def test_kinds_1_to_3_cost_little(tmp_path: Path) -> None:
    paths = []
    boxes = [{"label": "x", "box": [1, 1, 5, 5]}] * 500
    for number, (attack, make) in enumerate([*EXIF_ATTACKS.items(), *XMP_ATTACKS.items()]):
        profile = {"exif" if attack in EXIF_ATTACKS else "xmp": make()}
        paths.append(tmp_path / f"{number}.pgi")
        pgic_core.encode_to(paths[-1], PICTURE, annotations=boxes, metadata=pgic_core.Metadata(), **profile)
    done = subprocess.run([sys.executable, "-c", SCRIPT, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    seconds = dict(zip([*EXIF_ATTACKS, *XMP_ATTACKS], map(float, done.stdout.split()), strict=True))
    assert max(seconds.values()) < 2, seconds


def test_kind_2_deflated_fractions_are_as_small_as_the_attack_was() -> None:
    assert len(zlib.compress(shared_rationals(), 9)) < 30_000


def test_kind_1_values_and_entries_that_are_copied_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    made = exif_module.TagValue

    def counting(kind: int, data: bytes, order: str) -> exif_module.TagValue:
        copied.append(len(data))
        return made(kind, data, order)

    monkeypatch.setattr(exif_module, "TagValue", counting)
    sums = []
    for attack in EXIF_ATTACKS.values():
        copied.clear()
        read_exif(attack())
        sums.append(sum(copied))
    assert 0 < max(sums) < 100_000


def test_kind_1_every_directory_is_read_once_and_what_is_sound_is_read() -> None:
    assert read_camera(circles()).device == "DJI"
    assert orientation_of(many_entries()) == 1
    main = Directory([(0x010F, short(1)), (0x010F, (2, 16 << 20, b"\0\0\0\0")), (0x0110, ascii_("M3T"))])
    assert read_camera(exif(main)).parameters == {"camera_model": "M3T"}


def test_kind_2_orientation_is_read_without_the_other_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pgic_core.encode(PICTURE, exif=exif(Directory([(0x010F, ascii_("DJI")), (0x0112, short(6))])))
    with pgic_core.open_file(data) as file:
        read = []
        monkeypatch.setattr(exif_module, "_entries", _recorded(exif_module._entries, read))
        assert [file.orientation for _ in range(5)] == [6] * 5
    assert len(read) == 1


def test_kind_2_a_dataset_reads_orientation_once_for_all_boxes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torchvision")
    from pgic_plugins.torchvision import PgiDetection

    profile = exif(Directory([(0x010F, ascii_("DJI")), (0x0112, short(6))]))
    boxes = [{"label": "crack", "box": [n, n, n + 4, n + 4]} for n in range(8)] * 25
    (tmp_path / "a.pgi").write_bytes(pgic_core.encode(PICTURE, exif=profile, annotations=boxes))
    dataset, read = PgiDetection(tmp_path), []
    monkeypatch.setattr(exif_module, "_entries", _recorded(exif_module._entries, read))
    _, target = dataset[0]
    assert len(target["boxes"]) == 200
    assert len(read) <= 2


def _recorded(function: Callable[..., object], calls: list[object]) -> Callable[..., object]:
    def recording(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        return function(*arguments, **options)

    return recording


@given(st.binary(max_size=300), st.sampled_from([b"II*\0", b"MM\0*"]))
def test_any_exif(data: bytes, start: bytes) -> None:
    read_camera(start + data)
    orientation_of(start + data)


@given(st.text(st.sampled_from("<>/='\" ab:&;#x1!?-[]\n"), max_size=300))
def test_any_xmp_is_scanned_within_its_bounds(text: str) -> None:
    for item in scan_xmp(text):
        assert 0 <= item.start <= item.end <= len(text)
    read_xmp(text.encode())
