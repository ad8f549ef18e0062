"""Forgeries of signed files. Checksums are made to fit again, so that only the signature stands in the way.

Every case ends in the error that FORMAT.md, section 9.10, names: PgiAuthenticationError where a signed file
was changed, whatever was changed in it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np
import pytest
import skimage.data

import pgic_core
from pgic_core import open_file
from pgic_core.codec.payload_parts import payload_plan
from pgic_core.container import PgiReader, rewrite
from pgic_core.errors import PgiAuthenticationError, PgiFormatError, PgiLimitError, PgiUnsupportedError
from pgic_core.security.encryption_plan import payload_of
from pgic_core.security.security_block import Record, pack_records, parse_records
from pgic_core.security.signatures.signature_making import signed
from pgic_core.security.signatures.signer_trust import Trust, key_of_certificate, subject_of

from ..container.forge import EXTENSION, IMAGE, METADATA, SECURITY, Block, forge
from . import make_vectors
from .people import Person, make_person

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CASES = 24
SIGNED = json.loads(make_vectors.PATH.read_text())["signed"]


@dataclass(frozen=True)
class Signed:
    """A signed file taken apart.

    Attributes:
        blocks: by type.
        parts: start and end of each part of the picture in its block.
    """

    blocks: dict[int, bytes]
    parts: list[tuple[int, int]]

    @classmethod
    def of(cls, data: bytes, *people: Person, certified: bool = True) -> Signed:
        for person in people:
            with PgiReader(data) as reader:
                data = b"".join(signed(reader, person.signer(certified=certified)))
        with PgiReader(data) as reader:
            plan = payload_plan(reader.fields.compression_type, payload_of(reader))
            ends = list(itertools.accumulate((part.length for part in plan.parts), initial=7))
            blocks = {block.type: reader.read_block(block) for block in reader.blocks}
            assert not any(block.flags for block in reader.blocks)
        return cls(blocks, list(itertools.pairwise(ends)))

    def file(self, **changed: bytes | None) -> bytes:
        names = {"metadata": METADATA, "extension": EXTENSION, "image": IMAGE, "security": SECURITY}
        blocks = self.blocks | {names[name]: content for name, content in changed.items() if content != b""}
        kept = [Block(kind, content) for kind, content in blocks.items() if content is not None]
        order = sorted(kept, key=lambda block: block.type & 0x7FFF)
        return forge(order, version=0x0101)

    @property
    def image(self) -> bytes:
        return self.blocks[IMAGE]

    @property
    def records(self) -> list[Record]:
        return parse_records(self.blocks[SECURITY])

    def record(self, number: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = cbor2.loads(self.records[number].data)
        return found

    def with_records(self, *maps: dict[str, Any]) -> bytes:
        made = [Record(2, cbor2.dumps(each, canonical=True)) for each in maps]
        return self.file(security=pack_records(made))

    def with_record(self, **changed: object) -> bytes:
        return self.with_records(self.record() | changed)

    def with_statement(self, **changed: object) -> bytes:
        statement = cbor2.loads(self.record()["statement"]) | changed
        return self.with_record(statement=cbor2.dumps(statement, canonical=True))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Person]:
    folder = tmp_path_factory.mktemp("people")
    return make_person(folder / "drone", "UAV-7"), make_person(folder / "thief", "UAV-7", "ecdsa-p256")


@pytest.fixture(scope="module")
def bare(people: tuple[Person, Person]) -> Signed:
    """As ``twice``, without certificates."""
    return Signed.of(photo(0), *people, certified=False)


def photo(shift: int) -> bytes:
    pixels = np.roll(np.tile(skimage.data.astronaut(), (2, 3, 1))[:700, :1100], shift, axis=1)
    data = pgic_core.encode(
        pixels,
        codec="learned",
        quality=65,  # at which no tile is a region of its own for its details
        metadata={"device_id": "UAV-7"},
        extension={"acme.line": f"L-{shift}"},
    )
    return b"".join(rewrite(data, compress_metadata=False))


@pytest.fixture(scope="module")
def one(people: tuple[Person, Person]) -> Signed:
    return Signed.of(photo(0), people[0])


@pytest.fixture(scope="module")
def other(people: tuple[Person, Person]) -> Signed:
    return Signed.of(photo(300), people[0])


@pytest.fixture(scope="module")
def third(people: tuple[Person, Person]) -> Signed:
    return Signed.of(photo(600), people[0])


@pytest.fixture(scope="module")
def twice(people: tuple[Person, Person]) -> Signed:
    return Signed.of(photo(0), *people)


def refused(data: bytes, trust: Path | None = None, error: type[Exception] = PgiAuthenticationError) -> str:
    with pytest.raises(error) as caught, open_file(data) as file:
        file.verify(trust)
    assert type(caught.value) is error, caught.value
    return str(caught.value)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def places(length: int, seed: int) -> list[int]:
    return [int(bit) for bit in np.random.default_rng(seed).integers(0, 8 * length, CASES)]


def test_what_is_not_forged_holds(one: Signed, people: tuple[Person, Person]) -> None:
    with open_file(one.file()) as file:
        (found,) = file.verify(people[0].root)
    assert found.state == "holds"


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("case", range(CASES))
def test_a_bit_of_a_tile_flips(case: int, one: Signed) -> None:
    """The tile is named, and only that tile."""
    start, end = one.parts[1 + case % (len(one.parts) - 1)]
    message = refused(one.file(image=flipped(one.image, 8 * start + 37 * case % (8 * (end - start)))))
    assert "layer, tile" in message
    assert message.count("tile ") == 1


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("bit", places(40, 1))
def test_a_bit_of_the_stream_header_flips(bit: int, one: Signed) -> None:
    start, _ = one.parts[0]
    refused(one.file(image=flipped(one.image, 8 * (start + 8) + bit)))


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("case", range(CASES))
def test_a_bit_of_the_metadata_flips(case: int, one: Signed) -> None:
    metadata = one.blocks[METADATA]
    assert "metadata block" in refused(one.file(metadata=flipped(metadata, 5 * case % (8 * len(metadata)))))


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("case", range(CASES))
def test_a_bit_of_the_extension_flips(case: int, one: Signed) -> None:
    extension = one.blocks[EXTENSION]
    message = refused(one.file(extension=flipped(extension, 5 * case % (8 * len(extension)))))
    assert "extension block" in message


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("field", ["signature", "locators", "statement", "certificates"])
@pytest.mark.parametrize("case", range(8))
def test_a_bit_of_the_record_flips(case: int, field: str, one: Signed) -> None:
    """What no longer parses breaks S12; the rest is forged."""
    value = one.record()[field]
    if field == "certificates":
        data = one.with_record(certificates=[flipped(value[0], 397 * case % (8 * len(value[0])))])
    else:
        data = one.with_record(**{field: flipped(value, 97 * case % (8 * len(value)))})
    with pytest.raises((PgiFormatError, PgiUnsupportedError)), open_file(data) as file:
        file.verify()


@pytest.mark.attack("bit flips")
@pytest.mark.parametrize("case", range(8))
@pytest.mark.parametrize("field", ["secret", "claims"])
def test_a_bit_of_the_salts_or_claims_flips(case: int, field: str, one: Signed) -> None:
    part = one.record()["open"]
    part[field] = flipped(part[field], 13 * case % (8 * len(part[field])))
    refused(one.with_record(open=part))


@pytest.mark.attack("swaps within a file")
@pytest.mark.parametrize("case", range(CASES))
def test_tiles_change_places(case: int, one: Signed) -> None:
    pairs = list(itertools.combinations(range(1, len(one.parts)), 2))
    first, second = (one.parts[index] for index in pairs[case * len(pairs) // CASES])
    image = one.image
    swapped = (
        image[: first[0]]
        + image[second[0] : second[1]]
        + image[first[1] : second[0]]
        + image[first[0] : first[1]]
        + image[second[1] :]
    )
    assert swapped != image
    refused(one.file(image=swapped))


@pytest.mark.attack("swaps between files")
@pytest.mark.parametrize("case", range(CASES))
def test_a_tile_comes_from_another_file(case: int, one: Signed, other: Signed) -> None:
    index = 1 + case % (min(len(one.parts), len(other.parts)) - 1)
    (start, end), (from_start, from_end) = one.parts[index], other.parts[index]
    tile = other.image[from_start:from_end][: end - start].ljust(end - start, b"\0")
    refused(one.file(image=one.image[:start] + tile + one.image[end:]))


@pytest.mark.attack("old signature with other blocks")
@pytest.mark.parametrize("kinds", [k for n in (1, 2, 3) for k in itertools.combinations("MXI", n)])
@pytest.mark.parametrize("pair", range(3))
def test_an_old_signature_with_other_blocks(
    kinds: Sequence[str], pair: int, one: Signed, other: Signed, third: Signed
) -> None:
    mine, theirs = ((one, other), (other, one), (third, one))[pair]
    types = {"M": METADATA, "X": EXTENSION, "I": IMAGE}
    names = {"M": "metadata", "X": "extension", "I": "image"}
    changed = {names[kind]: theirs.blocks[types[kind]] for kind in kinds}
    if kinds == ("M",):  # of equal content: who made it is the same
        changed["metadata"] = changed["metadata"].replace(b"UAV-7", b"UAV-8")
    refused(mine.file(**changed))


@pytest.mark.attack("stripped signature")
@pytest.mark.parametrize("case", range(CASES))
def test_the_signature_is_stripped(
    case: int, one: Signed, twice: Signed, people: tuple[Person, Person]
) -> None:
    """Who relies on signatures asks for one; then its absence is an error."""
    blocks = {"metadata": None if case & 1 else b"", "extension": None if case & 2 else b""}
    if case < 12:
        assert "not signed" in refused(one.file(security=None, **blocks), people[case % 2].root)
    else:  # the first of two is taken out, or its place is given to another
        others = [[twice.record(1)], [twice.record(1), twice.record(0)], [one.record(), twice.record(1)]]
        refused(twice.with_records(*others[case % 3]), people[case % 2].root)


@pytest.mark.attack("key confusion")
@pytest.mark.parametrize("case", range(CASES))
def test_keys_are_confused(
    case: int, one: Signed, twice: Signed, bare: Signed, people: tuple[Person, Person]
) -> None:
    """Another's key, certificate, algorithm or statement in place of the signer's."""
    if case < 14:
        both, last = (twice, "certificates") if case < 7 else (bare, "key")
        fields = ["signature", "statement", last]
        chosen = [name for bit, name in enumerate(fields) if (case % 7 + 1) >> bit & 1]
        data = both.with_records(both.record(0) | {name: both.record(1)[name] for name in chosen})
        with pytest.raises(PgiFormatError), open_file(data) as file:
            file.verify(people[0].root if case < 7 else people[0].public)
    elif case == 14:  # a key beside the certificate that has one
        refused(one.with_record(key=bare.record(1)["key"]), error=PgiFormatError)
    elif case < 18:
        algorithm = ("ecdsa-p256", "ml-dsa-65", "sm9")[case - 15]
        error = PgiUnsupportedError if case == 17 else PgiFormatError
        refused(one.with_statement(algorithm=algorithm), error=error)
    elif case < 21:  # a thief with a certificate of the same name signs what he changed
        changed = one.file(security=None, metadata=one.blocks[METADATA].replace(b"-7", b"-8"))
        forged = Signed.of(changed, people[1])
        with open_file(forged.file()) as file:
            assert not file.signatures[0].trusted
        assert "No trusted signature" in refused(forged.file(), people[0].root)
    else:
        others: list[list[bytes]] = [[], [b"x"], twice.record(1)["certificates"]]
        error = PgiAuthenticationError if case == 23 else PgiFormatError
        refused(one.with_record(certificates=others[case - 21]), error=error)


@pytest.mark.attack("forged signature")
@pytest.mark.parametrize("case", range(CASES))
def test_leaves_change_their_order(case: int, one: Signed) -> None:
    """In the record, in the statement, or both."""
    record = one.record()
    hashes = [record["locators"][at : at + 8] for at in range(0, len(record["locators"]), 8)]
    first = case % (len(hashes) - 1)
    hashes[first], hashes[first + 1] = hashes[first + 1], hashes[first]
    if case % 4 == 1:
        del hashes[first]
    if case % 4 == 2:
        hashes.insert(first, hashes[first])
    locators = b"".join(hashes)
    data = one.with_record(locators=locators)
    if case % 4 == 3:
        digest = hashlib.sha256(b"pgi locators\0" + locators).digest()
        raw = cbor2.dumps(cbor2.loads(record["statement"]) | {"locators": digest}, canonical=True)
        data = one.with_record(locators=locators, statement=raw)
    refused(data, error=PgiFormatError if case % 4 in (1, 2) else PgiAuthenticationError)


@pytest.mark.parametrize("kind", ["tile", "metadata"])
def test_a_locator_that_was_made_to_fit(kind: str, one: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds other content for a locator hides where the change is, and not the change."""
    from pgic_core.security.signatures import signature_checking, signature_record

    monkeypatch.setattr(signature_checking, "LOCATOR_BYTES", 0)
    monkeypatch.setattr(signature_record.Signature, "locator", lambda *_: b"")
    if kind == "tile":
        data = one.file(image=flipped(one.image, 8 * one.parts[-1][0] + 5))
        assert "something in the tier full" in refused(data)
    else:
        data = one.file(metadata=one.blocks[METADATA].replace(b"UAV-7", b"UAV-8"))
        assert "something in the tier metadata" in refused(data)


@pytest.mark.attack("forged signature")
@pytest.mark.parametrize(
    "changed",
    [
        {"time": 0},
        {"locators": bytes(32)},
        {"salts": bytes(32)},
        {"previous": [bytes(32)]},
        {"fields": bytes(7)},
        {"key": bytes(32)},
        {"certificate": bytes(32)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_statement_is_changed(changed: dict[str, object], one: Signed) -> None:
    refused(one.with_statement(**changed))


def test_roots_and_counts_are_changed(one: Signed) -> None:
    statement = cbor2.loads(one.record()["statement"])
    first, second, third, fourth = statement["roots"]
    refused(one.with_statement(roots=[second, first, third, fourth]))
    refused(one.with_statement(roots=[first, second, fourth, fourth]), error=PgiFormatError)
    first, second, third, fourth = statement["counts"]
    assert (first, third) == (4, 0)
    refused(one.with_statement(counts=[first, second + 1, third, fourth - 1]))
    refused(one.with_statement(counts=[first, second, third, fourth + 1]), error=PgiFormatError)
    refused(one.with_statement(counts=[first, second, True, fourth]), error=PgiFormatError)


@pytest.mark.attack("forged signature")
@pytest.mark.parametrize(
    "changed",
    [
        {"statement": b"\xff"},
        {"signature": b""},
        {"key": 7},
        {"certificates": {}},
        {"certificates": [b"x"] * 9},
        {"locators": bytes(9)},
        {"open": {}},
        {"open": {"secret": bytes(31), "claims": b"\xa0"}},
        {"open": {"secret": bytes(32), "claims": b"\xa0", "more": 1}},
        {"sealed": {"salt": bytes(16), "parts": [b"x"] * 4}},
        {"more": 1},
    ],
)
def test_records_that_break_a_rule(changed: dict[str, object], one: Signed) -> None:
    refused(one.with_record(**changed), error=PgiFormatError)


def test_too_many_signatures(one: Signed) -> None:
    refused(one.with_records(*[one.record()] * 33), error=PgiLimitError)


def test_fields_of_a2_are_signed(one: Signed) -> None:
    refused(one.file(image=b"\x01" + one.image[1:]))


def test_a_later_change_by_a_stranger_is_no_history(twice: Signed, people: tuple[Person, Person]) -> None:
    """The thief's signature holds and names the drone's; who trusts the drone is not deceived."""
    first = Signed.of(photo(0), people[0])
    edited = first.file(metadata=first.blocks[METADATA].replace(b"-7", b"-8"))
    both = Signed.of(edited, people[1])
    with open_file(both.file()) as file:
        assert [each.state for each in file.verify(people[1].root)] == ["superseded", "holds"]
    assert "No trusted signature holds" in refused(both.file(), people[0].root)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_broken_certificates_are_not_trusted(one: Signed, people: tuple[Person, Person]) -> None:
    """Whatever stands in a certificate, it ends in a reason, and never in an error of the library."""
    trust, random = Trust.from_pem(people[0].root), np.random.default_rng(8)
    (certificate,) = one.record()["certificates"]
    key = key_of_certificate(certificate)
    assert key is not None
    assert trust.why_not(key, [certificate]) == ""
    for _ in range(600):
        at, value = int(random.integers(len(certificate))), int(random.integers(1, 256))
        broken = certificate[:at] + bytes([certificate[at] ^ value]) + certificate[at + 1 :]
        assert trust.why_not(key, [broken])
        assert isinstance(subject_of(broken), str)
        key_of_certificate(broken)  # raises nothing


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("algorithm", ["ed25519", "sm2"])
def test_mutants_of_the_security_block(algorithm: str) -> None:
    """Whatever stands there ends in one of our errors, or leaves a signature that does not hold."""
    vector = next(each for each in SIGNED if each["algorithm"] == algorithm)
    data, random = base64.b64decode(vector["plain"]), np.random.default_rng(5)
    with PgiReader(data) as reader:
        blocks = {block.type: reader.read_block(block) for block in reader.blocks}
    held = 0
    for _ in range(400 if algorithm == "ed25519" else 120):
        security = bytearray(blocks[SECURITY])
        for _ in range(int(random.integers(1, 4))):
            at = int(random.integers(len(security)))
            security[at : at + int(random.integers(0, 3))] = random.bytes(int(random.integers(0, 3)))
        changed = [Block(kind, bytes(security) if kind == SECURITY else old) for kind, old in blocks.items()]
        try:
            with open_file(forge(changed, version=0x0101)) as file:
                found = file.check_signatures()
                file.info()
        except pgic_core.PgiError:
            continue
        held += any(each.state == "holds" for each in found) and bytes(security) != blocks[SECURITY]
    assert held == 0
