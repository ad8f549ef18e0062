"""What a key signs of a file, and what its owner claims (FORMAT.md, section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cbor2

from ...container import IMAGE_FIELDS_SIZE
from .algorithms import ALGORITHMS, suite_of_algorithm, unknown_algorithm
from .cbor_fields import is_hash, read_map, take, take_bytes, wrong
from .merkle_tree import HASH_BYTES

if TYPE_CHECKING:
    from ...limits import Limits
    from ..cipher_suites import Suite

__all__ = ["MOST_SIGNATURES", "Claims", "FramePlace", "Statement"]

MOST_SIGNATURES = 32
_TIERS = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """What a key signs.

    Attributes:
        algorithm: of :data:`~.algorithms.ALGORITHMS`.
        key: hash of the signer's public key.
        certificate: hash of the signer's certificate; empty without one.
        time: UTC milliseconds by the signer's clock.
        fields: the 7 bytes of A.2.
        counts: of the leaves of each tier.
        roots: of the tree of each tier; empty without leaves.
        locators: hash of the record's locators.
        salts: commitment to the salt secret.
        previous: ids of the signatures that were there.
    """

    algorithm: str
    key: bytes
    certificate: bytes
    time: int
    fields: bytes
    counts: tuple[int, ...]
    roots: tuple[bytes, ...]
    locators: bytes
    salts: bytes
    previous: tuple[bytes, ...]

    @property
    def suite(self) -> Suite:
        """Whose hash it uses."""
        return suite_of_algorithm(self.algorithm)

    def to_bytes(self) -> bytes:
        """The bytes that are signed."""
        content: dict[str, object] = {name: getattr(self, name) for name in _NAMES}
        for name in ("counts", "roots", "previous"):
            content[name] = list(getattr(self, name))
        if not self.certificate:
            del content["certificate"]
        return cbor2.dumps(content, canonical=True)

    @classmethod
    def parse(cls, data: bytes, limits: Limits) -> Statement:
        """Read a statement.

        Raises:
            PgiFormatError: it breaks a rule of FORMAT.md, section 9.9.
            PgiUnsupportedError: its algorithm is not known here.
        """
        content = read_map(data, limits)
        algorithm = take(content, "algorithm", str)
        if algorithm not in ALGORITHMS:
            raise unknown_algorithm(algorithm)
        certificate = take_bytes(content, "certificate", HASH_BYTES) if "certificate" in content else b""
        previous = take(content, "previous", list)
        if len(previous) > MOST_SIGNATURES or not all(map(is_hash, previous)):
            raise wrong("previous")
        counts, roots = take(content, "counts", list), take(content, "roots", list)
        if len(counts) != _TIERS or not all(type(each) is int and 0 <= each < 1 << 32 for each in counts):
            raise wrong("counts")
        if len(roots) != _TIERS or not all(
            is_hash(root) if count else root == b"" for count, root in zip(counts, roots, strict=True)
        ):
            raise wrong("roots")
        statement = cls(
            algorithm=algorithm,
            key=take_bytes(content, "key", HASH_BYTES),
            certificate=certificate,
            time=take(content, "time", int),
            fields=take_bytes(content, "fields", IMAGE_FIELDS_SIZE),
            counts=tuple(counts),
            roots=tuple(roots),
            locators=take_bytes(content, "locators", HASH_BYTES),
            salts=take_bytes(content, "salts", HASH_BYTES),
            previous=tuple(previous),
        )
        if content:
            raise wrong(next(iter(content)))
        if not 0 <= statement.time < 1 << 64:
            raise wrong("time")
        return statement


_NAMES = Statement.__slots__
_EARLIER_ITEMS = 3
"""Those of a place as earlier versions signed it."""


class FramePlace(NamedTuple):
    """Where a frame stands in its sequence (FORMAT.md, section 11).

    Attributes:
        number: from 0.
        duration: for how many milliseconds it is shown; 0 if unknown.
        before: chain of the frame before, 32 bytes, which all earlier records determine.
        reference: number of the frame that it changes; None for a key frame.
        outer: hash of what metadata is compressed with, 32 bytes, zeros for the first frame; empty if the
            signature does not say, since an earlier version made it, nor does it name the reference then.
    """

    number: int
    duration: int
    before: bytes
    reference: int | None = None
    outer: bytes = b""

    @property
    def proves_before(self) -> bool:
        """Whether a signature with this place also proves all frames before."""
        return bool(self.outer)

    def items(self) -> list[object]:
        """As the claim has it."""
        return [*self] if self.outer else [*self[:_EARLIER_ITEMS]]

    def agrees(self, place: FramePlace) -> bool:
        """Whether a frame in a place may have a signature that states this one."""
        if self.outer:
            return self == place
        return self[:_EARLIER_ITEMS] == place[:_EARLIER_ITEMS] and place.reference in (None, place.number - 1)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signer says that does not follow from the file.

    Attributes:
        renderers: level and digest of each renderer that the signer had.
        original: SHA-256 of the camera's file; empty if it is not known.
        frame: where the picture stands in a sequence; None if the signer did not say.
    """

    renderers: tuple[tuple[str, bytes], ...] = ()
    original: bytes = b""
    frame: FramePlace | None = None

    def to_bytes(self) -> bytes:
        """As the leaf has it."""
        content: dict[str, object] = {"renderers": [list(each) for each in self.renderers]}
        if self.original:
            content["original"] = self.original
        if self.frame is not None:
            content["frame"] = self.frame.items()
        return cbor2.dumps(content, canonical=True)

    @classmethod
    def parse(cls, data: bytes, limits: Limits) -> Claims:
        """Read claims; names that are not known are passed over.

        Raises:
            PgiFormatError: they break a rule of FORMAT.md, section 9.9.
        """
        content = read_map(data, limits)
        original = take_bytes(content, "original", HASH_BYTES) if "original" in content else b""
        renderers = content.get("renderers", [])
        if not isinstance(renderers, list) or not all(_is_renderer(each) for each in renderers):
            raise wrong("renderers")
        frame = _frame(content["frame"]) if "frame" in content else None
        return cls(tuple((level, digest) for level, digest in renderers), original, frame)


def _frame(item: object) -> FramePlace:
    if not isinstance(item, list) or len(item) not in (_EARLIER_ITEMS, len(FramePlace._fields)):
        raise wrong("frame")
    numbers, hashes = item[:2], item[2::2]
    if item[3:4] not in ([], [None]):
        numbers = [*numbers, item[3]]
    if not all(map(is_hash, hashes)) or not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers):
        raise wrong("frame")
    return FramePlace(*item)


def _is_renderer(item: object) -> bool:
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and is_hash(item[1])
