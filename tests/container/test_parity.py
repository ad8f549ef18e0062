"""The parity block: what it holds, what it restores, and what hostile ones lead to."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import struct
import warnings
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgic_core.container import (
    BlockType,
    Metadata,
    PgiReader,
    build_file,
    iter_file,
    open_source,
    rewrite,
)
from pgic_core.container.parity import (
    GAP,
    PACKET_MAGIC,
    Layout,
    bare_budget,
    bare_header,
    full_header,
    protected,
    share_of,
)
from pgic_core.container.parity_repair import mend, with_parity
from pgic_core.errors import PgiChecksumError, PgiError, PgiFormatError, PgiOptionError, PgiWarning
from pgic_core.limits import DEFAULT_LIMITS

from .forge import FIELDS, IMAGE, PARITY, SECURITY, Block, forge, image_block


def payload(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def plain(size: int, seed: int = 0) -> bytes:
    """A file with all blocks, the one after the parity block included."""
    blocks = [Block(0x8010, metadata()), Block(0x8020, b"\xa1\x63a.b\x01"), image_block(payload(size, seed))]
    return forge([*blocks, Block(SECURITY, payload(max(size // 50, 9), seed + 1))])


def metadata() -> bytes:
    data = build_file(FIELDS, b"x", metadata=Metadata(5, "UAV-7"), compress_metadata=False)
    entry = PgiReader(data).blocks[0]
    return data[entry.offset : entry.end]


def with_share(data: bytes, share: int = 500) -> bytes:
    with PgiReader(data) as reader:
        return b"".join(with_parity(reader, share))


def mended(data: bytes | bytearray, other: bytes | None = None) -> bytes:
    second = None if other is None else open_source(other)
    return b"".join(mend(open_source(bytes(data)), DEFAULT_LIMITS, second).pieces())


def lost(data: bytes, *parts: tuple[int, int]) -> bytearray:
    """The file with bytes from low to high changed."""
    bad = bytearray(data)
    for low, high in parts:
        bad[low:high] = bytes(byte ^ 0xA5 for byte in bad[low:high])
    return bad


SMALL = with_share(plain(3_000))
MEDIUM = with_share(plain(60_000))


# The specification once more, slowly: bit by bit, from FORMAT.md alone.


def times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x1100B if a & 0x8000 else 0)
        b >>= 1
    return product


def inverse(a: int) -> int:
    power, result = a, 1
    for _ in range(15):  # a^(2^16 - 2)
        power = times(power, power)
        result = times(result, power)
    return result


def parity_of(data: bytes, size: int, groups: int, rows: int) -> bytes:
    count = -(-len(data) // size)
    data = data.ljust(count * size, b"\0")
    sectors = [struct.unpack(f"<{size // 2}H", data[i * size : (i + 1) * size]) for i in range(count)]
    out = b""
    for row in range(rows):
        for group in range(groups):
            sums = [0] * (size // 2)
            for position, sector in enumerate(sectors[group::groups]):
                factor = inverse(position ^ (32768 + row))
                sums = [total ^ times(factor, symbol) for total, symbol in zip(sums, sector, strict=True)]
            out += struct.pack(f"<{size // 2}H", *sums)
    return out


def block_of(bare: bytes, header_size: int, share: int) -> bytes:
    size = next((s for s in (1024, 512, 256) if s * 128 <= len(bare)), 128)
    coded = bare[:header_size] + bytes(56) + bare[header_size:]
    count = -(-len(coded) // size)
    groups = -(-count // 1536)
    depth = -(-count // groups)
    parity = parity_of(coded, size, groups, -(-depth * share // 10_000) + 1)
    padded = coded.ljust(count * size, b"\0")
    checks = bare[:header_size]
    for i in range(count):
        checks += zlib.crc32(padded[i * size : (i + 1) * size]).to_bytes(4, "little")
    listed = -(-len(checks) // size)
    checks = checks.ljust(listed * size, b"\0")
    sets = -(-listed // 128)
    whole = checks + parity + parity_of(checks, size, sets, -(-listed // sets) + 2)
    packets = b""
    for index in range(len(whole) // size):
        packet = b"\x89PGI\r\nP\n" + hashlib.sha256(bare[:header_size]).digest()[:8]
        packet += struct.pack("<QHHHHI", len(bare), header_size, share, size, 0, index)
        packet += whole[index * size : (index + 1) * size]
        packets += packet + zlib.crc32(packet).to_bytes(4, "little")
    return packets


@pytest.mark.parametrize(("size", "share"), [(1, 500), (700, 500), (4_000, 1_000)])
def test_the_block_is_the_one_that_the_document_describes(size: int, share: int) -> None:
    bare = plain(size)
    data = with_share(bare, share)
    reader = PgiReader(data)
    entry = reader.header.find(PARITY)
    assert entry is not None
    assert data[entry.offset : entry.end] == block_of(bare, reader.blocks[0].offset - 56, share)


def test_published_vector() -> None:
    """What version 1 makes, for ever."""
    data = with_share(forge([image_block(bytes(range(200)))]), 500)
    assert len(data) == 30 + 2 * 56 + 207 + 6 * 168
    assert (
        hashlib.sha256(data).hexdigest() == "42505aed10e817fc7483a3a4dbbce13102f1acd23109534ef8c40b4d653a6c74"
    )


def test_all_other_bytes_stay() -> None:
    bare = plain(3_000)
    data = with_share(bare)
    with PgiReader(data) as reader:
        reader.verify()
        assert [block.type for block in reader.blocks] == [0x8010, 0x8020, IMAGE, PARITY, SECURITY]
        assert b"".join(with_parity(reader, None)) == bare
        assert b"".join(with_parity(reader, 500)) == data
        entry = reader.header.find(PARITY)
        assert entry is not None
        head = data[: reader.blocks[0].offset]
        assert full_header(bare_header(head)[0], data[entry.offset : entry.end]) == head


@given(st.data())
@settings(max_examples=30)
def test_any_burst_of_4_percent_is_restored(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([SMALL, MEDIUM]))
    length = len(whole) * 4 // 100
    start = data.draw(st.integers(0, len(whole) - length))
    assert mended(lost(whole, (start, start + length))) == whole


def random_trials(whole: bytes, trials: int) -> None:
    numbers = random.Random(7)
    sectors = -(-len(whole) // 1024)
    for _ in range(trials):
        gone = numbers.sample(range(sectors), max(sectors * 2 // 100, 1))
        assert mended(lost(whole, *((at * 1024, at * 1024 + 1024) for at in gone))) == whole


def test_random_sectors_of_2_percent_are_restored() -> None:
    random_trials(MEDIUM, 20)


@pytest.mark.slow
def test_random_sectors_of_2_percent_are_restored_a_thousand_times() -> None:
    random_trials(with_share(plain(600_000)), 1_000)


@pytest.mark.slow
def test_every_burst_is_restored_in_large_files() -> None:
    """Several groups of each code."""
    whole = with_share(plain(3_000_000))
    length = len(whole) * 4 // 100
    for start in [*range(0, len(whole) - length, len(whole) // 40), len(whole) - length]:
        assert mended(lost(whole, (start, start + length))) == whole


@pytest.mark.parametrize("kind", list(BlockType))
def test_each_block_is_restored_wherever_it_is_hit(kind: BlockType) -> None:
    entry = PgiReader(MEDIUM).header.find(kind)
    assert entry is not None
    for low in (entry.offset, (entry.offset + entry.end) // 2, entry.end - 1):
        assert mended(lost(MEDIUM, (low, min(low + 900, len(MEDIUM))))) == MEDIUM


def test_the_header_is_restored() -> None:
    for low, high in ((0, 1), (4, 5), (25, 26), (0, 30), (40, 200), (0, 1500)):
        assert mended(lost(MEDIUM, (low, high))) == MEDIUM


def test_a_tail_that_is_cut_off_is_restored() -> None:
    for share in (0.01, 0.04):
        assert mended(MEDIUM[: int(len(MEDIUM) * (1 - share))]) == MEDIUM


def test_a_sound_file_is_left_alone() -> None:
    found = mend(open_source(MEDIUM), DEFAULT_LIMITS)
    assert (found.identical, found.sectors) == (True, 0)


def test_too_much_damage_is_said() -> None:
    with pytest.raises(PgiFormatError, match="Too much of the file is lost"):
        mended(lost(MEDIUM, (2_000, 2_000 + len(MEDIUM) // 10)))


def test_a_file_without_parity_is_refused() -> None:
    with pytest.raises(PgiFormatError, match="no parity block"):
        mended(plain(100))


def test_sectors_are_taken_from_a_second_copy() -> None:
    tenth = len(MEDIUM) // 10
    one, two = lost(MEDIUM, (2_000, 2_000 + tenth)), lost(MEDIUM, (30_000, 30_000 + tenth))
    assert mended(one, bytes(two)) == MEDIUM


# Reading


def test_damage_is_restored_as_it_is_read_with_one_warning() -> None:
    bad = lost(MEDIUM, (5_000, 6_000), (30_000, 30_500))
    with PgiReader(bytes(bad)) as reader:
        with pytest.warns(PgiWarning, match="pgic repair") as caught:
            assert reader.read_payload(0, 60_000) == payload(60_000)
        assert reader.metadata.device_id == "UAV-7"
        assert [reader.read_block(block) for block in reader.blocks if block.type == SECURITY]
    assert len(caught) == 1


def test_a_damaged_header_is_restored_as_it_is_read() -> None:
    with pytest.warns(PgiWarning, match="header") as caught:
        reader = PgiReader(bytes(lost(MEDIUM, (0, 900))))
    with reader:
        assert reader.read_payload(0, 60_000) == payload(60_000)
        assert reader.parity_share == 500
    assert len(caught) == 1


def test_verify_reports_what_reading_restores() -> None:
    for low, part in ((30_000, "sectors"), (3, "header"), (len(MEDIUM) - 4_000, "parity block")):
        bad = bytes(lost(MEDIUM, (low, low + 40)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PgiWarning)
            with PgiReader(bad) as reader, pytest.raises(PgiChecksumError, match=part):
                reader.verify()


def test_what_cannot_be_restored_is_read_as_it_stands() -> None:
    bad = bytes(lost(MEDIUM, (2_000, 12_000)))
    with PgiReader(bad) as reader:
        image = reader.header.image
        assert reader.read_payload(0, 60_000) == bad[image.offset + 7 : image.end]
        with pytest.raises(PgiChecksumError, match="image data block"):
            reader.verify()


def test_a_stream_is_read_as_if_it_had_no_parity() -> None:
    class Stream(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._file = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._file.read(size)

    with PgiReader(Stream(MEDIUM)) as reader:  # type: ignore[arg-type]
        assert reader.protection is None
        assert reader.read_payload(0, 9) == payload(60_000)[:9]


def test_editors_make_the_parity_anew() -> None:
    bare = build_file(FIELDS, payload(9_000), metadata=Metadata(5, "UAV-7"))
    edited = b"".join(rewrite(with_share(bare, 700), metadata=Metadata(6, "UAV-8")))
    assert edited == with_share(b"".join(rewrite(bare, metadata=Metadata(6, "UAV-8"))), 700)
    bad = bytes(lost(with_share(bare, 700), (3_000, 3_100)))
    with pytest.warns(PgiWarning):
        assert b"".join(rewrite(bad, metadata=Metadata(6, "UAV-8"))) == edited


# Hostile and unusual blocks


def test_parity_of_another_state_is_not_used() -> None:
    """As an editor leaves it that does not know parity blocks."""
    old = PgiReader(MEDIUM).header.find(PARITY)
    assert old is not None
    stale = Block(PARITY, MEDIUM[old.offset : old.end])
    data = forge([image_block(payload(60_000, seed=5)), stale])
    with PgiReader(data) as reader:
        assert reader.protection is None
        assert reader.read_payload(0, 60_000) == payload(60_000, seed=5)
        assert reader.parity_share == 500
        with pytest.raises(PgiFormatError, match="another state"):
            reader.verify()
    with pytest.raises(PgiFormatError, match="another state"):
        mended(data)


def packet(index: int, **changes: int) -> bytes:
    values = {"size": 1_000, "header": 142, "share": 500, "sector": 128, "zero": 0} | changes
    head = struct.pack("<8s8sQHHHHI", PACKET_MAGIC, bytes(8), *values.values(), index)
    head += bytes(128)
    return head + zlib.crc32(head).to_bytes(4, "little")


@pytest.mark.attack("parity forgery")
@pytest.mark.parametrize(
    "changes",
    [
        {"size": 2**64 - 1},
        {"size": 2**40},
        {"size": 0},
        {"size": 86},
        {"header": 0},
        {"header": 65_535},
        {"share": 0},
        {"share": 10_001},
        {"sector": 0},
        {"sector": 1024},
        {"zero": 1},
    ],
)
def test_forged_packets_end_in_an_error(changes: dict[str, int]) -> None:
    block = b"".join(packet(index, **changes) for index in range(9))
    for data in (forge([image_block(), Block(PARITY, block)]), bytes(100) + block):
        with pytest.raises(PgiError):
            mended(data)
    with PgiReader(forge([image_block(), Block(PARITY, block)])) as reader:
        assert reader.protection is None
        reader.read_payload(0, 10)


def test_a_set_that_contradicts_its_own_header_is_refused() -> None:
    """Packets of one file, sealed for another size."""
    bare = plain(3_000)
    header = bare[: PgiReader(bare).blocks[0].offset]
    block = b"".join(protected(lambda: [header, bare[len(header) : -500]], 500))
    with pytest.raises(PgiFormatError):
        mended(bytes(200) + block[len(header) :])


def test_a_million_magic_numbers_take_no_time() -> None:
    with pytest.raises(PgiFormatError):
        PgiReader(b"\x89PGI\0\1\0\1" + PACKET_MAGIC * 250_000)


@given(st.binary(max_size=400), st.integers(0, len(SMALL)))
@settings(max_examples=150)
def test_garbage_ends_in_the_file_or_an_error(garbage: bytes, at: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PgiWarning)
        for bad in (SMALL[:at] + garbage + SMALL[at + len(garbage) :], SMALL[:at] + garbage + SMALL[at:]):
            with contextlib.suppress(PgiFormatError):
                assert mended(bad) == SMALL
            with contextlib.suppress(PgiError):
                PgiReader(bad).read_payload(0, 100)


# Sizes


@given(st.integers(300, 5_000_000), st.integers(1, 10_000))
def test_a_budget_holds_file_and_parity(budget: int, share: int) -> None:
    size = bare_budget(budget, share)
    if size > 400:
        assert size + GAP + Layout(size, 254, share).length <= budget


def test_shares() -> None:
    assert (share_of(0.05), share_of(1), share_of(0.0001)) == (500, 10_000, 1)
    for wrong in (0, -1, 1.1, float("nan"), float("inf")):
        with pytest.raises(PgiOptionError, match="share of parity"):
            share_of(wrong)


def test_memory_is_that_of_the_parity() -> None:
    """Pieces are read when they are needed, and not kept."""
    alive, most = 0, 0

    class Piece(bytes):
        def __init__(self, _: object) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    bare = b"".join(iter_file(FIELDS, payload(400_000)))
    for _ in protected(lambda: (Piece(bare[at : at + 4096]) for at in range(0, len(bare), 4096)), 500):
        pass
    assert most <= 4
