"""C2PA manifests beside files, for programs that know C2PA and not pgic; extra ``c2pa``.

A manifest is a file of its own, ``photo.pgi.c2pa``, and binds every stored byte: encrypting, protecting or
editing the file ends that. pgic's own signatures are what to rely on; this is an export.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _version
from ..audit import audited
from ..audit.logged_facts import path_of
from ..container import atomic_write
from ..errors import PgiAuthenticationError, PgiInputError, PgiOptionError, PgiUnsupportedError
from ..limits import PHOTO_FORMATS
from ..small_files import parse_json, read_bytes
from .decoding import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..limits import Limits
    from ..security.signatures import SigningKey

__all__ = ["ProvenanceInfo", "check_c2pa", "export_c2pa"]

MEDIA_TYPE = "image/x-pgi"
_LABEL = "org.pgic.file"
_MOST_BYTES = 64 << 20
_ALGORITHMS = {"ed25519": "ED25519", "ecdsa-p256": "ES256"}


@dataclass(frozen=True, slots=True)
class ProvenanceInfo:
    """What a C2PA manifest proves of a file.

    Attributes:
        trusted: whether given roots say whose key signed it.
        signer: common name in the signer's certificate; nothing that counts unless ``trusted``.
        algorithm: as C2PA names it.
        actions: what the signer says was done: "c2pa.created", "c2pa.opened", "c2pa.transcoded".
        signatures: ids of the file's own signatures that the manifest names.
    """

    trusted: bool
    signer: str
    algorithm: str
    actions: tuple[str, ...]
    signatures: tuple[str, ...]


def export_c2pa(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    key: SigningKey,
    *,
    original: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
) -> None:
    """Write a C2PA manifest for a file as it is stored; nothing encrypted is opened for it.

    Args:
        path: the file, plain or encrypted.
        target: the manifest to make or replace.
        key: that signs, Ed25519 or P-256, with certificates. C2PA asks for the extended key usage
            emailProtection.
        original: the photo that the picture was coded from, whose hash the manifest then has, and its own
            manifest if it has one. Without it the manifest says that a camera took the picture.
        limits: what the file may ask for.

    Raises:
        PgiOptionError: the key is of another algorithm, or has no certificates, or C2PA refuses them.
        PgiInputError: a file cannot be read or written.
        PgiFormatError: the file is damaged.
        PgiUnsupportedError: the extra "c2pa" is missing.
    """
    c2pa = _library()
    if key.algorithm not in _ALGORITHMS:
        raise PgiOptionError(f"C2PA knows keys of {' and '.join(_ALGORITHMS)}, not {key.algorithm}.")
    if not key.certificates:
        raise PgiOptionError("C2PA needs the certificates of the key.")
    with audited("open", file=path_of(path)):
        data = _content(path)
        manifest = _manifest(os.path.basename(os.fspath(path)), data, limits, coded=original is not None)
    with _refusals(c2pa, PgiOptionError, "C2PA refuses this"):
        algorithm = getattr(c2pa.C2paSigningAlg, _ALGORITHMS[key.algorithm])
        signer = c2pa.Signer.from_callback(lambda message: _raw(key, message), algorithm, _pem(key))
        builder = c2pa.Builder.from_json(json.dumps(manifest), context=_context(c2pa, None))
        builder.set_no_embed()
        if original is None:
            builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE)
        else:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            _add_original(builder, original)
        store = builder.sign(signer, MEDIA_TYPE, io.BytesIO(data))
    atomic_write(target, store)


def check_c2pa(
    path: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
    *,
    trust: str | os.PathLike[str] | None = None,
) -> ProvenanceInfo:
    """Check a C2PA manifest of a file with C2PA's own reader.

    Args:
        path: the file.
        manifest: the file beside it.
        trust: certificates in PEM of who is trusted; then one of them must vouch for the signer.

    Raises:
        PgiAuthenticationError: the file was changed since, the manifest was, or nobody who is trusted
            signed it.
        PgiInputError: a file cannot be read, or is no manifest.
        PgiUnsupportedError: the extra "c2pa" is missing.
    """
    c2pa = _library()
    data, store = _content(path), read_bytes(manifest, "manifest", _MOST_BYTES)
    roots = None if trust is None else read_bytes(trust, "certificate", 1 << 20).decode("utf-8", "replace")
    if not store:
        raise PgiInputError(f"{os.fspath(manifest)} is not a C2PA manifest.")
    with _refusals(c2pa, PgiInputError, f"{os.fspath(manifest)} cannot be read as a C2PA manifest"):
        reader = c2pa.Reader(MEDIA_TYPE, io.BytesIO(data), store, context=_context(c2pa, roots))
        state, content = reader.get_validation_state(), parse_json(reader.json(), os.fspath(manifest))
        failures = (reader.get_validation_results() or {}).get("activeManifest", {}).get("failure", [])
    if state == "Invalid":
        codes = ", ".join(dict.fromkeys(str(each.get("code")) for each in failures)) or "unknown"
        raise PgiAuthenticationError(f"{os.fspath(path)} is not as the manifest was signed ({codes}).")
    found = _described(content, trusted=state == "Trusted" and roots is not None)
    if roots is not None and not found.trusted:
        raise PgiAuthenticationError(f"The manifest is signed by {found.signer!r}, who is not trusted.")
    return found


def _manifest(title: str, data: bytes, limits: Limits | None, *, coded: bool) -> dict[str, Any]:
    """What is said of the file. Of an encrypted one, that is what shows without a key."""
    facts = inspect(data, limits=limits, keys=())
    agent = {"name": "pgic", "version": _version.__version__}
    said = {
        "width": facts.width,
        "height": facts.height,
        "codec": facts.codec,
        "encrypted": facts.security is not None,
        "signatures": [
            {"id": each.id, "key": each.key_id, "algorithm": each.algorithm} for each in facts.signatures
        ],
    }
    if facts.security is None and facts.model_digest is not None:
        said |= {"model": facts.model_digest, "quality": facts.quality}
    assertions: list[dict[str, Any]] = [{"label": _LABEL, "data": said}]
    if coded:
        action = {"action": "c2pa.transcoded", "softwareAgent": agent}
        assertions.append({"label": "c2pa.actions.v2", "data": {"actions": [action]}})
    return {"claim_generator_info": [agent], "title": title, "format": MEDIA_TYPE, "assertions": assertions}


def _add_original(builder: Any, original: str | os.PathLike[str]) -> None:
    from PIL import Image

    name = os.fspath(original)
    try:
        with Image.open(name, formats=PHOTO_FORMATS) as image:
            media_type = image.get_format_mimetype() or "application/octet-stream"
        with open(name, "rb") as file:
            ingredient = {"title": os.path.basename(name), "relationship": "parentOf"}
            builder.add_ingredient(json.dumps(ingredient), media_type, file)
    except OSError as error:
        raise PgiInputError(error.errno, f"The original cannot be read: {error}", name) from error


def _described(content: dict[str, Any], *, trusted: bool) -> ProvenanceInfo:
    active = content["manifests"][content["active_manifest"]]
    found = {each["label"]: each["data"] for each in active.get("assertions", [])}
    about = active.get("signature_info") or {}
    actions = found.get("c2pa.actions.v2", {}).get("actions", [])
    signatures = found.get(_LABEL, {}).get("signatures", [])
    return ProvenanceInfo(
        trusted=trusted,
        signer=str(about.get("common_name") or about.get("issuer") or ""),
        algorithm=str(about.get("alg") or ""),
        actions=tuple(str(each.get("action")) for each in actions),
        signatures=tuple(str(each.get("id")) for each in signatures),
    )


def _context(c2pa: Any, roots: str | None) -> Any:
    """Settings: nothing is fetched, and no small picture is made, which would show what is encrypted."""
    settings: dict[str, Any] = {
        "verify": {"verify_trust": roots is not None, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if roots is not None:
        settings["trust"] = {"trust_anchors": roots}
    return c2pa.Context.from_dict(settings)


def _raw(key: SigningKey, message: bytes) -> bytes:
    """A signature as COSE has it (RFC 9053)."""
    signature = key.sign_message(message)
    if key.algorithm != "ecdsa-p256":
        return signature
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))


def _pem(key: SigningKey) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    loaded = (x509.load_der_x509_certificate(each) for each in key.certificates)
    return b"".join(each.public_bytes(Encoding.PEM) for each in loaded).decode()


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise PgiInputError(error.errno, f"It cannot be read: {error.strerror}", os.fspath(path)) from error


@contextmanager
def _refusals(c2pa: Any, kind: type[PgiOptionError | PgiInputError], what: str) -> Iterator[None]:
    """Errors of the library as ours, in one line."""
    try:
        yield
    except c2pa.C2paError as error:
        raise kind(f"{what}: {' '.join(str(error).split())}") from error


def _library() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise PgiUnsupportedError("C2PA needs the extra 'c2pa': pip install 'pgic[c2pa]'.") from error
    return c2pa
