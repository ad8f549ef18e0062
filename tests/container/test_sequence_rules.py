"""A sealed sequence that breaks a rule of section 11 is rejected with the error that the document names."""

from __future__ import annotations

import re
from importlib import resources

import cbor2
import pytest

from pgic_core import errors
from pgic_core.api import PgiFile
from pgic_core.container import PgiReader, build_file
from pgic_core.container.sequence_reader import SequenceReader
from pgic_core.limits import DEFAULT_LIMITS, Limits

from .forge import EXTENSION, PARITY, SECURITY, Block
from .sequences import FIELDS, Frame, header, laid, sequence, short, still

FORMAT = (resources.files("pgic_core.container") / "FORMAT.md").read_text("utf-8")
RULES = set(re.findall(r"^\| (Q\d+) \| .* \| `\w+` \|$", FORMAT, flags=re.MULTILINE))

KEY = Frame(still())
CHANGE = Frame(short(), kind=3)
TWO = [KEY, CHANGE]
FOUR = [KEY, CHANGE, CHANGE, CHANGE]
FORMAT_ERROR, CHECKSUM, LIMIT, UNSUPPORTED = (
    errors.PgiFormatError,
    errors.PgiChecksumError,
    errors.PgiLimitError,
    errors.PgiUnsupportedError,
)


def change(**values: object) -> Frame:
    return Frame(short(), kind=3, **values)  # type: ignore[arg-type]


def as_file(kind: int = 1, **fields: int) -> Frame:
    return Frame(still(compression_type=4, **fields), kind=kind)


# rule, what is broken, file, error, limits
CASES = [
    (rule, what, data, error, limits[0] if limits else DEFAULT_LIMITS)
    for rule, what, data, error, *limits in [
        ("Q1", "flag without type", sequence(TWO, kind=1), FORMAT_ERROR),
        ("Q1", "type without flag", sequence(TWO, flags=0), FORMAT_ERROR),
        ("Q1", "version 1.0", sequence(TWO, version=0x0100), FORMAT_ERROR),
        ("Q1", "version 1.1", sequence(TWO, version=0x0101), FORMAT_ERROR),
        ("Q1", "encrypted", sequence(TWO, flags=5), FORMAT_ERROR),
        ("Q1", "a security block", sequence(TWO, behind=[Block(SECURITY, b"x")]), FORMAT_ERROR),
        ("Q1", "a parity block", sequence(TWO, behind=[Block(PARITY, bytes(168))]), FORMAT_ERROR),
        ("Q2", "version 2", sequence(TWO, start=header(version=2)), UNSUPPORTED),
        ("Q2", "crc32", sequence(TWO, start=header()[:-1] + b"\0"), CHECKSUM),
        ("Q2", "key_distance 0", sequence(TWO, start=header(distance=0)), FORMAT_ERROR),
        ("Q2", "key_distance 1025", sequence(TWO, start=header(distance=1025)), FORMAT_ERROR),
        ("Q2", "no zeros", sequence(TWO, start=header(zeros=b"\0x\0")), FORMAT_ERROR),
        ("Q2", "no zero", sequence(TWO, start=header(zero=1)), FORMAT_ERROR),
        ("Q2", "no frames", sequence([]), FORMAT_ERROR),
        ("Q2", "no header", sequence([], start=b"x"), FORMAT_ERROR),
        ("Q3", "magic", sequence([KEY, change(magic=b"\x89PGI")]), FORMAT_ERROR),
        ("Q3", "head_crc32", sequence([KEY, change(crc=1)]), CHECKSUM),
        ("Q3", "content_crc32", sequence([KEY, Frame(short()[:-1] + b"?", kind=3)]), CHECKSUM),
        ("Q3", "unknown kind", sequence([KEY, Frame(short(), kind=2)]), FORMAT_ERROR),
        ("Q3", "long varint", sequence([KEY, change(duration=b"\x80\x00")]), FORMAT_ERROR),
        ("Q3", "2^63", sequence([KEY, change(duration=2**63)]), FORMAT_ERROR),
        ("Q3", "number that is not next", sequence([KEY, change(number=2)]), FORMAT_ERROR),
        ("Q3", "number 0 again", sequence([KEY, change(number=0)]), FORMAT_ERROR),
        ("Q3", "number of the first", sequence([Frame(still(), number=1)]), FORMAT_ERROR),
        ("Q3", "size", sequence([KEY, change(size=40)]), FORMAT_ERROR),
        ("Q3", "size of the first", sequence([Frame(still(), size=40), CHANGE]), FORMAT_ERROR),
        ("Q3", "size beyond all", sequence([KEY, change(size=2**32 - 1)]), FORMAT_ERROR),
        ("Q3", "length beyond all", sequence([KEY, change(length=2**62)]), FORMAT_ERROR),
        ("Q3", "length 0", sequence([KEY, Frame(b"", kind=3)]), FORMAT_ERROR),
        ("Q3", "bytes behind the last", sequence(TWO, more=b"x"), FORMAT_ERROR),
        ("Q3", "short form cut off", sequence([KEY, Frame(b"\x05", kind=3)]), FORMAT_ERROR),
        ("Q3", "short form without picture", sequence([KEY, Frame(short(b""), kind=3)]), FORMAT_ERROR),
        ("Q3", "bad deflate", sequence([KEY, Frame(short(metadata=b"\xff"), kind=3)]), FORMAT_ERROR),
        ("Q4", "previous before all", sequence([KEY, change(previous="17")]), FORMAT_ERROR),
        ("Q4", "previous itself", sequence([KEY, change(previous="0")]), FORMAT_ERROR),
        ("Q4", "previous of the first", sequence([Frame(still(), previous="1")]), FORMAT_ERROR),
        ("Q4", "previous that is not", sequence([KEY, CHANGE, change(previous=0)]), FORMAT_ERROR),
        ("Q4", "jump itself", sequence([KEY, change(jump="0")]), FORMAT_ERROR),
        ("Q4", "jump to another", sequence([KEY, CHANGE, CHANGE, change(jump=0)]), FORMAT_ERROR),
        ("Q4", "jump beside a record", sequence([*FOUR, change(jump="200")]), FORMAT_ERROR),
        ("Q4", "key beside a record", sequence([KEY, CHANGE, change(key="50")]), FORMAT_ERROR),
        ("Q4", "reference beside a record", sequence([KEY, CHANGE, change(reference="3")]), FORMAT_ERROR),
        ("Q4", "reference before its key", sequence([KEY, KEY, change(reference=0)]), FORMAT_ERROR),
        ("Q5", "a sequence in a sequence", sequence([Frame(sequence(TWO))]), FORMAT_ERROR),
        ("Q5", "width", sequence([Frame(still(width=65))]), FORMAT_ERROR),
        ("Q5", "image_type", sequence([KEY, as_file(image_type=1)]), FORMAT_ERROR),
        ("Q5", "bytes behind the frame", sequence([Frame(still() + b"x")]), FORMAT_ERROR),
        ("Q5", "change as a key frame", sequence([as_file(kind=0)]), FORMAT_ERROR),
        ("Q5", "picture as a change", sequence([KEY, Frame(still(), kind=1)]), FORMAT_ERROR),
        ("Q5", "change of itself", sequence([KEY, change(key="0", reference="0")]), FORMAT_ERROR),
        ("Q5", "change first", sequence([Frame(short(), kind=3, depth=1)]), FORMAT_ERROR),
        ("Q5", "key frame with another", sequence([KEY, Frame(still(), key=0)]), FORMAT_ERROR),
        ("Q5", "key frame that changes another", sequence([KEY, Frame(still(), reference=0)]), FORMAT_ERROR),
        ("Q5", "another key than the reference", sequence([KEY, CHANGE, KEY, change(key=1)]), FORMAT_ERROR),
        ("Q5", "depth 2 after 0", sequence([KEY, change(depth=2)]), FORMAT_ERROR),
        ("Q5", "depth 0 of a change", sequence([KEY, change(depth=0)]), FORMAT_ERROR),
        ("Q5", "depth 1 of a key frame", sequence([Frame(still(), depth=1)]), FORMAT_ERROR),
        ("Q5", "deeper than key_distance", sequence(FOUR, start=header(distance=2)), FORMAT_ERROR),
        ("Q6", "frames", sequence(FOUR), LIMIT, Limits(frames=3)),
        ("Q6", "a million frames", sequence([KEY, change(number=1_000_000)]), LIMIT),
        ("Q6", "references", sequence(FOUR), LIMIT, Limits(references=2)),
        ("Q7", "sha256", sequence(TWO, entry={"sha256": bytes(32)}), CHECKSUM),
        ("Q7", "crc32", sequence(TWO, entry={"crc32": 1}), CHECKSUM),
    ]
]  # fmt: skip


def read_all(data: bytes, limits: Limits) -> None:
    """Open, find every frame from the end, then verify."""
    with PgiReader(data, limits) as reader:
        frames = SequenceReader(reader)
        for number in reversed(range(len(frames))):
            frames.open_frame(frames.references(frames.record(number))[0])
        reader.verify()


@pytest.mark.parametrize(
    ("rule", "what", "data", "error", "limits"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_broken_rule_is_rejected_as_the_document_says(
    rule: str, what: str, data: bytes, error: type[Exception], limits: Limits
) -> None:
    with pytest.raises(errors.PgiError) as caught:
        read_all(data, limits)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message[0].isupper() or message.startswith("compression_type")
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("data", "limits"), [pytest.param(c[2], c[4], id=f"{c[0]}-{c[1]}") for c in CASES if c[0] > "Q2"]
)
def test_verify_alone_finds_it_too(data: bytes, limits: Limits) -> None:
    with pytest.raises(errors.PgiError):
        PgiReader(data, limits).verify()


def test_q8_a_change_frame_outside_of_a_sequence() -> None:
    alone = still(compression_type=4)
    PgiReader(alone).verify()
    with PgiFile(alone) as file, pytest.raises(errors.PgiUnsupportedError, match="only its sequence"):
        file.decode()


def test_q9_what_a_sequence_says_of_itself_and_its_first_frame_does_not() -> None:
    foreign = Block(EXTENSION, cbor2.dumps({"acme.note": "of no frame"}))
    data = sequence([Frame(still()), Frame(still())], before=[foreign])
    PgiReader(data).verify()
    with (
        PgiFile(data) as file,
        pytest.raises(errors.PgiFormatError, match=r"extension block .* not that of its first frame"),
    ):
        file.verify()


def test_every_rule_of_the_document_has_a_case() -> None:
    assert {case[0] for case in CASES} | {"Q8", "Q9"} == RULES


def test_sequences_without_a_fault_are_accepted() -> None:
    read_all(sequence([KEY]), DEFAULT_LIMITS)
    read_all(sequence([*FOUR, KEY, CHANGE, as_file(), change(duration=40)]), DEFAULT_LIMITS)
    read_all(sequence([KEY, CHANGE, change(reference=0, depth=1)]), DEFAULT_LIMITS)
    read_all(sequence([*FOUR, *[CHANGE] * 4, Frame(still())]), DEFAULT_LIMITS)


def test_bytes_behind_a_sequence_are_passed_over() -> None:
    data = sequence(TWO, tail=b"half a frame")
    read_all(data, DEFAULT_LIMITS)
    assert SequenceReader(PgiReader(data)).unfinished_bytes == 12


def test_a_sequence_is_not_written_as_a_picture() -> None:
    with pytest.raises(errors.PgiOptionError, match="sequence"):
        build_file(FIELDS.__class__(0, 64, 48, 8, 3), b"x")


def test_records_stand_where_the_document_says() -> None:
    frames = laid(FOUR)
    reader = SequenceReader(PgiReader(sequence(FOUR)))
    assert [reader.record(n).offset for n in range(4)] == frames.offsets
    assert [reader.record(n).depth for n in range(4)] == [0, 1, 2, 3]
