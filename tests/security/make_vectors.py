"""Writes ``vectors.json``: files of each kind of recipient and signature, and numbers on the way.

Run with ``python -m tests.security.make_vectors`` when FORMAT.md changes what stands in a file.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

from pgic_core import Passphrase, SecretKey, SigningKey
from pgic_core.container import BlockType, ImageFields, Location, Metadata, PgiReader, build_file
from pgic_core.container.sequence_appending import SequenceAppender, begin_sequence
from pgic_core.container.sequence_blocks import outer_hash
from pgic_core.container.sequence_reader import NO_CHAIN, SequenceReader
from pgic_core.security.cipher_suites import find_suite
from pgic_core.security.encrypted_file_writing import encrypted
from pgic_core.security.envelope_opening import find_envelope
from pgic_core.security.message_layout import Place, associated_data
from pgic_core.security.recipients import recipients_of
from pgic_core.security.signatures.algorithms import spki_of
from pgic_core.security.signatures.signature_making import signed
from pgic_core.security.signatures.signed_statement import FramePlace
from pgic_core.security.sm2 import sign_sm2, sm2_spki
from pgic_core.security.tier_keys import Binding, Tier, TierKey

PATH = Path(__file__).with_name("vectors.json")
WORDS = "巡检 correct horse"
SECRETS = {"x25519": bytes(range(32)), "mlkem768-x25519": bytes(range(96)), "sm2": bytes(range(1, 33))}


def plain_file(payload: bytes = bytes(range(256)) * 4) -> bytes:
    """A file of another codec: its payload is opaque, so no model is needed to make or to read it."""
    return build_file(
        ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=200),
        payload,
        metadata=Metadata(1_700_000_000_000, "UAV-7", Location(116.5, 39.75, 50.0), {"iso": "100"}, True),
        extension={"acme.note": "ok", "acme.raw": b"\x01\x02", "pgic.dpi": [72, 72]},
    )


def derivations() -> list[dict[str, object]]:
    """Keys and associated data that follow from fixed numbers, for both suites."""
    found: list[dict[str, object]] = []
    for number in (1, 2):
        binding = Binding(find_suite(number), 0x0101, bytes(range(16)))
        full = TierKey(Tier.FULL, bytes(range(32, 64)))
        salt, fields = bytes(range(64, 80)), ImageFields(0, 64, 48, 8, 200).to_bytes()
        place = Place(BlockType.IMAGE, Tier.PREVIEW, 3, 1, 9, 77)
        key = full.seal_key(salt, BlockType.IMAGE, Tier.PREVIEW, binding)
        associated = associated_data(binding, fields, place, 5, b"context")
        found.append(
            {
                "suite": number,
                "tiers": {tier.label: full.lower(tier, binding).key.hex() for tier in Tier},
                "commit": full.commitment(binding).hex(),
                "mac": full.mac(b"envelope", binding).hex(),
                "seal_key": key.hex(),
                "associated": associated.hex(),
                "message": binding.suite.seal(key, 9, b"plain", associated).hex(),
            }
        )
    return found


def files() -> list[dict[str, object]]:
    """Encrypted files with what opens them."""
    found: list[dict[str, object]] = []
    recipients = {kind: SecretKey(kind, data).public for kind, data in SECRETS.items()}
    for kind, key in (*recipients.items(), ("passphrase", Passphrase(WORDS))):
        with PgiReader(plain_file()) as reader:
            data = b"".join(encrypted(reader, recipients_of(key), pad=kind == "x25519"))
        with PgiReader(data) as reader:
            envelope = find_envelope(reader)
            assert envelope is not None
        secret = SECRETS[kind].hex() if kind in SECRETS else WORDS.encode().hex()
        found.append({"kind": kind, "secret": secret, "file": base64.b64encode(data).decode()})
    return found


def signers() -> list[SigningKey]:
    """A key of each algorithm, from fixed numbers."""
    ed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    p256 = ec.derive_private_key(7 << 200, ec.SECP256R1())
    lattice = mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes(range(32)))
    private = SECRETS["sm2"]
    return [
        SigningKey.of_module("ed25519", spki_of(ed.public_key()), ed.sign),
        SigningKey.of_module(
            "ecdsa-p256", spki_of(p256.public_key()), lambda data: p256.sign(data, ec.ECDSA(hashes.SHA256()))
        ),
        SigningKey.of_module("ml-dsa-65", spki_of(lattice.public_key()), lattice.sign),
        SigningKey.of_module("sm2", sm2_spki(private), lambda data: sign_sm2(private, data)),
    ]


def signed_files() -> list[dict[str, object]]:
    """Files that each algorithm signed, plain, and encrypted by the suite that goes with it."""
    found: list[dict[str, object]] = []
    for signer in signers():
        kind = "sm2" if signer.algorithm == "sm2" else "x25519"
        with PgiReader(plain_file()) as reader:
            plain = b"".join(signed(reader, signer, original=bytes(range(32)), time_ms=1_700_000_000_000))
        with PgiReader(plain) as reader:
            closed = b"".join(encrypted(reader, recipients_of(SecretKey(kind, SECRETS[kind]).public)))
        found.append(
            {
                "algorithm": signer.algorithm,
                "key": base64.b64encode(signer.spki).decode(),
                "kind": kind,
                "secret": SECRETS[kind].hex(),
                "plain": base64.b64encode(plain).decode(),
                "encrypted": base64.b64encode(closed).decode(),
            }
        )
    return found


def change_file(payload: bytes) -> bytes:
    """The same as a change frame, whose content is opaque too."""
    fields = ImageFields(image_type=0, width=64, height=48, color_depth=8, compression_type=4)
    return build_file(fields, payload, metadata=Metadata(1_700_000_000_040, "UAV-7"))


def signed_sequence() -> dict[str, str]:
    """A sequence of a key frame and two changes of it and of one another, each signed in its place."""
    signer = signers()[0]
    before, outer, out = NO_CHAIN, NO_CHAIN, io.BytesIO()
    for number in range(3):
        plain = change_file(bytes([number]) * 40) if number else plain_file(bytes(40))
        if number:
            with PgiReader(out) as whole:
                outer = outer_hash(SequenceReader(whole))
            out.seek(0)
        place = FramePlace(number, 40 + number, before, number - 1 if number else None, outer)
        with PgiReader(plain) as reader:
            frame = b"".join(signed(reader, signer, frame=place, time_ms=1_700_000_000_000))
        if not number:
            out.write(b"".join(begin_sequence(frame, key_distance=2, duration=place.duration)))
            out.seek(0)
        with SequenceAppender(out) as writer:
            if number:
                writer.append(frame, duration=place.duration, reference=writer.last)
            before = writer.chain
        out.seek(0)
    return {
        "key": base64.b64encode(signer.spki).decode(),
        "file": base64.b64encode(out.getvalue()).decode(),
    }


if __name__ == "__main__":
    # Of a time when the place of a frame had three items, which no longer is written.
    frozen = {name: json.loads(PATH.read_text())[name] for name in ("sequence", "changes")}
    made = {
        "derivations": derivations(),
        "files": files(),
        "signed": signed_files(),
        "places": signed_sequence(),
    }
    PATH.write_text(json.dumps(made | frozen, indent=1) + "\n")
