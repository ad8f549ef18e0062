"""Proof that a window is part of what was signed, without the rest of the file (FORMAT.md, section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2

from ...codec.payload_parts import Layer
from ...codec.rectangle import Rectangle
from ...container import Compression, ImageFields
from ...errors import (
    PgiAuthenticationError,
    PgiFormatError,
    PgiKeyError,
    PgiOptionError,
    PgiUnsupportedError,
)
from ...limits import DEFAULT_LIMITS, Limits
from ..cipher_suites import same
from ..envelope_opening import records_of
from ..tier_keys import Tier
from .cbor_fields import read_map, take, take_bytes
from .leaf_salts import salts_of
from .merkle_tree import HASH_BYTES, path_of_leaf, root_of_path
from .signature_info import HOLDS
from .signature_record import MOST_CERTIFICATES, signatures_in
from .signed_leaves import Leaf, LeafKind, leaves_of
from .signed_statement import Statement
from .signer_check import check_signer
from .signer_trust import subject_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...container import PgiReader
    from ...options import Window
    from .signature_info import SignatureInfo
    from .signer_trust import Trust

__all__ = ["ProvenPart", "ProvenWindow", "check_proof", "make_proof"]

_HEADERS = (LeafKind.MODEL, Layer.HEADER)
_MOST_INDEX = 1 << 32


@dataclass(frozen=True, slots=True)
class ProvenPart:
    """A part of a signed picture.

    Attributes:
        name: "stream header", "tile 3", ...
        content: its plain bytes.
    """

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProvenWindow:
    """What a proof proves.

    Attributes:
        key_id: of the key that signed, in hex.
        trusted: whether given roots say whose key it is.
        reason: why not; empty if it is.
        subject: name in the certificate; empty without one.
        time_ms: UTC milliseconds by the signer's clock.
        width: of the whole picture in pixels.
        height: likewise.
        parts: those that were signed, byte for byte.
    """

    key_id: str
    trusted: bool
    reason: str
    subject: str
    time_ms: int
    width: int
    height: int
    parts: tuple[ProvenPart, ...]


def make_proof(reader: PgiReader, window: Window, found: tuple[SignatureInfo, ...]) -> bytes:
    """Prove the tiles that a window touches, by the last signature that holds.

    Args:
        reader: of the file.
        window: x, y, width, height in pixels of the stored picture.
        found: what :func:`~.signature_checking.check_signatures` says of the file.

    Raises:
        PgiAuthenticationError: no signature holds.
        PgiKeyError: the file's keys do not open these tiles.
        PgiOptionError: the window touches no tile.
        PgiUnsupportedError: it is a change frame.
    """
    if reader.fields.compression_type == Compression.CHANGE:
        raise PgiUnsupportedError("A change frame holds no window of its own to prove; a key frame does.")
    number = max((index for index, each in enumerate(found) if each.state == HOLDS), default=None)
    if number is None:
        raise PgiAuthenticationError("No signature of the file holds, so nothing can be proven.")
    encrypted = reader.header.image.encrypted
    signature = signatures_in(records_of(reader), reader.limits, encrypted=encrypted)[number]
    known = salts_of(reader, signature)
    assert known is not None
    salts, claims = known
    x, y, width, height = window
    area = Rectangle(x, y, x + width, y + height)
    chosen: list[Leaf] = []
    hashes: dict[Tier, list[bytes]] = {tier: [] for tier in Tier}
    for leaf in leaves_of(reader, claims):
        if leaf.content is not None:
            hashes[leaf.tier].append(salts.hash(leaf))
        if leaf.kind in _HEADERS or _touches(leaf, area):
            chosen.append(leaf)
    if not any(leaf.box for leaf in chosen):
        raise PgiOptionError("The window touches no tile of the picture that a signature can prove.")
    if any(leaf.content is None for leaf in chosen):
        raise PgiKeyError("The keys of the file do not open all tiles of the window.")
    content: dict[str, object] = {
        "statement": signature.raw_statement,
        "signature": signature.signature,
        "certificates": list(signature.certificates),
        "leaves": [
            [
                leaf.index,
                leaf.kind,
                int(leaf.tier),
                leaf.tile,
                salts.salt(leaf),
                leaf.content,
                path_of_leaf(signature.suite, hashes[leaf.tier], leaf.index),
            ]
            for leaf in chosen
        ],
    }
    if not signature.certificates:
        content["key"] = signature.key
    return cbor2.dumps(content, canonical=True)


def check_proof(data: bytes, trust: Trust | None = None, limits: Limits = DEFAULT_LIMITS) -> ProvenWindow:
    """Check a proof.

    Args:
        data: the proof.
        trust: as of :func:`~.signature_checking.check_signatures`.
        limits: for its maps.

    Raises:
        PgiAuthenticationError: it proves nothing: the key did not sign this, or a part was changed.
        PgiFormatError: it is no proof.
    """
    content = read_map(data, limits)
    raw = take_bytes(content, "statement")
    signed, certificates = take_bytes(content, "signature"), take(content, "certificates", list)
    if len(certificates) > MOST_CERTIFICATES or not all(isinstance(each, bytes) for each in certificates):
        raise PgiFormatError("The proof has certificates that are none.")
    key = b"" if certificates else take_bytes(content, "key")
    listed = take(content, "leaves", list)
    if content or not listed:
        raise PgiFormatError("The proof has other parts than a proof has.")
    statement = Statement.parse(raw, limits)
    spki = check_signer(statement, raw, signed, key, certificates)
    parts = tuple(_proven(listed, statement))
    reason = "nobody said whom to trust" if trust is None else trust.why_not(spki, certificates)
    fields = ImageFields.from_bytes(statement.fields)
    return ProvenWindow(
        key_id=statement.key[:8].hex(),
        trusted=not reason,
        reason=reason,
        subject=subject_of(certificates[0]) if certificates else "",
        time_ms=statement.time,
        width=fields.width,
        height=fields.height,
        parts=parts,
    )


def _touches(leaf: Leaf, area: Rectangle) -> bool:
    if not leaf.box:
        return False
    x, y, width, height = leaf.box
    common = Rectangle(x, y, x + width, y + height).overlap(area)
    return common.left < common.right and common.top < common.bottom


def _proven(listed: list[Any], statement: Statement) -> Iterator[ProvenPart]:
    for item in listed:
        leaf, salt, path = _leaf(item)
        assert leaf.content is not None
        suite, count = statement.suite, statement.counts[leaf.tier - 1]
        root = None
        if leaf.index < count:
            root = root_of_path(suite, leaf.hash(suite, salt), leaf.index, count, path)
        if root is None or not same(root, statement.roots[leaf.tier - 1]):
            raise PgiAuthenticationError(f"The proof does not fit: {leaf.name} was changed.")
        yield ProvenPart(leaf.name, leaf.content)


def _leaf(item: Any) -> tuple[Leaf, bytes, list[bytes]]:
    wrong = PgiFormatError("The proof lists a part that is none.")
    if not isinstance(item, list) or len(item) != 7:
        raise wrong
    index, kind, tier, tile, salt, content, path = item
    numbers = (index, kind, tier, tile)
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        raise wrong
    if not all(0 <= each < _MOST_INDEX for each in numbers) or tier not in list(Tier):
        raise wrong
    if kind not in [*LeafKind, *Layer] or not isinstance(path, list):
        raise wrong
    if not all(isinstance(each, bytes) and len(each) == HASH_BYTES for each in [salt, *path]):
        raise wrong
    if not isinstance(content, bytes):
        raise wrong
    return Leaf(index, kind, Tier(tier), tile, content), salt, path
