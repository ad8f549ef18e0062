"""Tiles that cost more than they show: prefix codes without end, and more tiles than pixels deserve."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest

import pgic_core
from pgic_core.codec.lossless.memory_budget import MemoryBudget
from pgic_core.codec.lossless.tile_coders import TileCoder, decode_tile, decoding_memory
from pgic_core.container import Compression, ImageFields, build_file
from pgic_core.errors import PgiFormatError
from tests.fuzz.prefix_codes import prefix_codes

_UINT8 = np.dtype(np.uint8)
_CALL = """
import io, resource, sys
import pgic_core, pgic_core.codec.lossless.decoder, PIL.WebPImagePlugin
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels = pgic_core.decode(io.BytesIO(sys.stdin.buffer.read()), threads=8, on_damage='conceal')
print(pixels.shape, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def tiled(width: int, height: int, side: int, tile: bytes) -> bytes:
    """A lossless grey file of equal WebP tiles."""
    count = -(-width // side) * -(-height // side)
    head = struct.pack("<4BHHI", 1, 1, 1, 0, side // 8, side // 8, count)
    index = struct.pack("<IIB", len(tile), zlib.crc32(tile), TileCoder.WEBP) * count
    stream = head + struct.pack("<I", zlib.crc32(index, zlib.crc32(head))) + index + tile * count
    return build_file(ImageFields(0, width, height, 8, Compression.LOSSLESS), stream)


def test_the_attack_is_a_sound_picture() -> None:
    tile = decode_tile(prefix_codes(64, 48), TileCoder.WEBP, (48, 64, 3), _UINT8)
    blocks = np.arange(12 * 16).reshape(12, 16) % 256
    np.testing.assert_array_equal(tile[::4, ::4, 1], blocks)


def test_kind_5_giant_tiles_of_webp_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(PgiFormatError, match="from 64 to 512"):
        pgic_core.decode(tiled(2048, 2048, 2048, prefix_codes(2048, 2048)))
    with pytest.raises(PgiFormatError, match="larger than is allowed"):
        decode_tile(prefix_codes(520, 8), TileCoder.WEBP, (8, 520, 3), _UINT8)


def test_kind_5_tiles_of_prefix_codes_share_a_budget_of_memory() -> None:
    pytest.importorskip("resource")
    data = tiled(1024, 1536, 512, prefix_codes(512, 512))
    done = subprocess.run([sys.executable, "-c", _CALL], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    shape, kilobytes = done.stdout.decode().rsplit(" ", 1)
    assert shape == "(1536, 1024)"
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(kilobytes) * unit < 400 << 20


def test_what_a_tile_may_take_follows_its_bytes() -> None:
    shape = (512, 512, 3)
    assert decoding_memory(300, TileCoder.WEBP, shape, _UINT8) < 10 << 20
    worst = decoding_memory(10_000_000, TileCoder.WEBP, shape, _UINT8)
    assert 129 << 20 < worst < 150 << 20
    assert decoding_memory(10_000_000, TileCoder.PREDICTIVE, (512, 512, 4), np.dtype(np.float64)) < 80 << 20


def test_the_budget_lets_one_through_and_makes_others_wait() -> None:
    budget, inside, most, lock = MemoryBudget(), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with budget.of(40, 100):
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.02)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
    with budget.of(1000, 100):  # alone, whatever it takes
        pass


def test_kind_13_tiles_of_8_x_8_are_refused() -> None:
    tile = prefix_codes(8, 8)
    with pytest.raises(PgiFormatError, match="from 64 to 512"):
        pgic_core.decode(tiled(2040, 2040, 8, tile))
    small = pgic_core.encode(np.zeros((8, 8), np.uint8))  # a small picture is no attack
    assert pgic_core.decode(io.BytesIO(small)).shape == (8, 8)
