"""Signing a file, and keeping its signatures when it is encrypted, decrypted or edited."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ...container import BlockType
from ...container.rewriting import copied_block
from ...container.writer import assemble, make_block, small_blocks
from ...errors import PgiKeyError, PgiLimitError, PgiModelError, PgiUnsupportedError
from ...models import find_model
from ..content_decryption import OpenedContent
from ..envelope_opening import records_of
from ..security_block import LEAST_VERSION, Record, RecordKind, pack_records, parse_records
from ..tier_keys import Tier
from .algorithms import suite_of_algorithm
from .leaf_salts import new_secret, opened_part, sealed_part
from .merkle_tree import LOCATOR_BYTES, LOCATORS, locators_of, root_of
from .signature_record import OpenPart, SealedPart, Signature, signatures_in
from .signed_leaves import LeafKind, Salts, leaves_of
from .signed_statement import MOST_SIGNATURES, Claims, Statement
from .time_stamps import stamp_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...container import Metadata, PgiReader
    from ...container.writer import Block
    from ..tier_keys import Binding, TierKey
    from .signed_statement import FramePlace
    from .signing_key import SigningKey

__all__ = ["carried_records", "is_signed", "overhead", "rewritten_signed", "signed", "stamped"]


def is_signed(reader: PgiReader) -> bool:
    """Whether a file has signatures.

    Raises:
        PgiError: as :func:`~pgic_core.security.envelope_opening.records_of`.
    """
    return any(record.kind == RecordKind.SIGNATURE for record in records_of(reader))


def signed(
    reader: PgiReader,
    key: SigningKey,
    *,
    original: bytes = b"",
    frame: FramePlace | None = None,
    time_ms: int | None = None,
    share: int | None = None,
) -> Iterator[bytes | memoryview]:
    """A file with one more signature, in pieces; all but the security block is copied.

    Args:
        reader: of a plain file, or of an encrypted one that was opened in full.
        key: that signs.
        original: SHA-256 of the camera's file, if it is to be signed too.
        frame: where the picture is to stand in a sequence, which is signed too.
        time_ms: UTC milliseconds; now if not given.
        share: parity in 1/10,000 of the new file; None for as much as the reader's file has.

    Raises:
        PgiKeyError: the file is encrypted, and not open in full.
        PgiUnsupportedError: a later version wrote the file.
        PgiFormatError: it is damaged.
        PgiLimitError: it has too many signatures.
    """
    opened = reader.sealed if isinstance(reader.sealed, OpenedContent) else None
    encrypted = reader.header.image.encrypted
    if opened is not None:
        opened.require(Tier.FULL, "Signing this file")
    elif encrypted:
        raise PgiKeyError("The file is encrypted; signing it takes a key of its tier full.")
    if reader.header.newer:
        raise PgiUnsupportedError("A later version wrote the file; changing it here could lose something.")
    for block in reader.blocks:  # so that damage is not signed
        for _ in reader.iter_block(block):
            pass
    records = records_of(reader)
    present = signatures_in(records, reader.limits, encrypted=encrypted)
    if len(present) == MOST_SIGNATURES:
        raise PgiLimitError(f"The file has {MOST_SIGNATURES} signatures, and cannot have more.")
    claims = Claims(_renderers(reader), original, frame).to_bytes()
    part = OpenPart(new_secret(), claims)
    suite = suite_of_algorithm(key.algorithm)
    salts = Salts(suite, Tier.FULL, part.secret)
    leaves: dict[Tier, list[bytes]] = {tier: [] for tier in Tier}
    for leaf in leaves_of(reader, claims):
        if leaf.error is not None:
            raise leaf.error
        leaves[leaf.tier].append(salts.hash(leaf))
    locators = locators_of(leaves.values())
    statement = Statement(
        algorithm=key.algorithm,
        key=suite.digest(key.spki),
        certificate=suite.digest(key.certificates[0]) if key.certificates else b"",
        time=time.time_ns() // 1_000_000 if time_ms is None else time_ms,
        fields=reader.fields.to_bytes(),
        counts=tuple(map(len, leaves.values())),
        roots=tuple(root_of(suite, each) for each in leaves.values()),
        locators=suite.digest(LOCATORS, locators),
        salts=salts.commitment,
        previous=tuple(each.id for each in present),
    )
    raw = statement.to_bytes()
    kept = part if opened is None else sealed_part(part, suite, raw, opened.key, opened.envelope.binding)
    signature = Signature(raw, statement, key.sign(raw), key.spki, key.certificates, locators, kept)
    records.append(Record(RecordKind.SIGNATURE, signature.to_bytes()))
    return _with_records(reader, _copied(reader), records, share)


def stamped(reader: PgiReader, response: bytes) -> Iterator[bytes | memoryview]:
    """A file with one more time stamp, in pieces; all but the security block is copied.

    Args:
        reader: of the file; an encrypted one may be locked.
        response: of the authority.

    Raises:
        PgiInputError: the response is no time stamp on one of its signatures.
        PgiUnsupportedError: a later version wrote the file, or the extra "security" is missing.
    """
    if reader.header.newer:
        raise PgiUnsupportedError("A later version wrote the file; changing it here could lose something.")
    records = records_of(reader)
    found = signatures_in(records, reader.limits, encrypted=reader.header.image.encrypted)
    return _with_records(reader, _copied(reader), [*records, stamp_record(found, response)])


def overhead(key: SigningKey, tiles: int) -> int:
    """At most so many bytes a signature adds to a file, encrypted or not.

    Args:
        key: that signs.
        tiles: of the picture, at most.
    """
    signature = 3400 if key.algorithm == "ml-dsa-65" else 80
    locators = LOCATOR_BYTES * (3 * tiles + 8)
    return 1500 + signature + len(key.spki) + sum(len(each) + 8 for each in key.certificates) + locators


def carried_records(reader: PgiReader, target: tuple[TierKey, Binding] | None) -> list[Record]:
    """All records but the envelope, as a file needs them that takes the place of the reader's.

    Args:
        reader: of a plain file, or of an encrypted one that was opened in full.
        target: key of the tier full and binding of the new file; None where that is plain.

    Raises:
        PgiError: as :func:`~.leaf_salts.opened_part` and :func:`~.signature_record.signatures_in`.
    """
    records = records_of(reader)
    encrypted = reader.header.image.encrypted
    carried = []
    for signature in signatures_in(records, reader.limits, encrypted=encrypted):
        part = opened_part(reader, signature)
        moved: OpenPart | SealedPart = part
        if target is not None:
            moved = sealed_part(part, signature.suite, signature.raw_statement, *target)
        carried.append(Record(RecordKind.SIGNATURE, signature.with_secrets(moved).to_bytes()))
    others = (RecordKind.ENVELOPE, RecordKind.SIGNATURE)
    return carried + [record for record in records if record.kind not in others]


def rewritten_signed(
    reader: PgiReader, metadata: Metadata, extension: Mapping[str, object]
) -> Iterator[bytes | memoryview]:
    """A plain file with other metadata and extension. Its signatures stay, and no longer hold.

    Raises:
        PgiError: as :func:`~pgic_core.container.rewrite`.
    """
    if reader.header.newer:
        raise PgiUnsupportedError("A later version wrote the file; changing it here could lose something.")
    small = (BlockType.METADATA, BlockType.EXTENSION)
    blocks = [block for block in _copied(reader) if block.entry.type not in small]
    blocks += small_blocks(metadata, extension, compress=True)
    return _with_records(reader, blocks, records_of(reader))


def _copied(reader: PgiReader) -> list[Block]:
    made_anew = (BlockType.SECURITY, BlockType.PARITY)
    return [copied_block(reader, entry) for entry in reader.blocks if entry.type not in made_anew]


def _with_records(
    reader: PgiReader, blocks: Sequence[Block], records: Sequence[Record], share: int | None = None
) -> Iterator[bytes | memoryview]:
    packed = pack_records(records)
    parse_records(packed)  # what is written must be readable within the same limits
    security = make_block(BlockType.SECURITY, 0, [packed])
    version = max(reader.header.version, LEAST_VERSION)
    share = reader.parity_share if share is None else share
    return assemble([*blocks, security], reader.header.fields_crc32, version, share)


def _renderers(reader: PgiReader) -> tuple[tuple[str, bytes], ...]:
    """Level and digest of what draws the picture here; empty where nothing does, or nothing has to."""
    model = next((leaf.content for leaf in leaves_of(reader, b"") if leaf.kind == LeafKind.MODEL), None)
    if not model:
        return ()
    try:
        found = find_model(model[:-1].hex()).renderers
    except PgiModelError:
        return ()
    return tuple((each.level, bytes.fromhex(each.digest)) for each in found if each.scale == 1)
