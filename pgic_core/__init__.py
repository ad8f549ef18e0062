"""pgic: the image codec and ``.pgi`` file of power-grid inspection (电力设备巡检图像智能编解码).

    import pgic_core

    data = pgic_core.encode(image, quality=80)
    pixels = pgic_core.decode(data)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .api import (
        BlockInfo,
        Decoded,
        EncodeOptions,
        FileInfo,
        FrameChanges,
        PgiFile,
        PngText,
        ProvenanceInfo,
        RecipientInfo,
        RendererInfo,
        Repair,
        SecurityInfo,
        SequenceInfo,
        SequenceWriter,
        SideData,
        WrittenFrame,
        add_recipients,
        add_timestamp,
        annotate,
        append,
        check_c2pa,
        check_proof,
        decode,
        decode_latent,
        decode_many,
        decode_with_mask,
        decrypt,
        encode,
        encode_sequence,
        encode_to,
        encrypt,
        export_c2pa,
        inspect,
        open_file,
        protect,
        rekey,
        repair,
        replicate,
        set_metadata,
        sign,
        still_file,
        strip_metadata,
        timestamp_request,
        verify,
    )
    from .container import KEEP, Annotation, Box, ImageType, Location, Metadata, Polygon, Severity
    from .errors import (
        PgiAuthenticationError,
        PgiChecksumError,
        PgiError,
        PgiFormatError,
        PgiInputError,
        PgiKeyError,
        PgiLimitError,
        PgiModelError,
        PgiOptionError,
        PgiTargetError,
        PgiTruncatedError,
        PgiUnsupportedError,
        PgiWarning,
    )
    from .limits import Limits
    from .models import available_models, default_model, find_model
    from .roi import Roi, draw_roi
    from .security import (
        Passphrase,
        PublicKey,
        Recipient,
        SecretKey,
        SignatureInfo,
        SigningKey,
        StatedSignature,
        generate_key,
    )

__all__ = [
    "KEEP",
    "Annotation",
    "BlockInfo",
    "Box",
    "Decoded",
    "EncodeOptions",
    "FileInfo",
    "FrameChanges",
    "ImageType",
    "Limits",
    "Location",
    "Metadata",
    "Passphrase",
    "PgiAuthenticationError",
    "PgiChecksumError",
    "PgiError",
    "PgiFile",
    "PgiFormatError",
    "PgiInputError",
    "PgiKeyError",
    "PgiLimitError",
    "PgiModelError",
    "PgiOptionError",
    "PgiTargetError",
    "PgiTruncatedError",
    "PgiUnsupportedError",
    "PgiWarning",
    "PngText",
    "Polygon",
    "ProvenanceInfo",
    "PublicKey",
    "Recipient",
    "RecipientInfo",
    "RendererInfo",
    "Repair",
    "Roi",
    "SecretKey",
    "SecurityInfo",
    "SequenceInfo",
    "SequenceWriter",
    "Severity",
    "SideData",
    "SignatureInfo",
    "SigningKey",
    "StatedSignature",
    "WrittenFrame",
    "__version__",
    "add_recipients",
    "add_timestamp",
    "annotate",
    "append",
    "available_models",
    "check_c2pa",
    "check_proof",
    "decode",
    "decode_latent",
    "decode_many",
    "decode_with_mask",
    "decrypt",
    "default_model",
    "draw_roi",
    "encode",
    "encode_sequence",
    "encode_to",
    "encrypt",
    "export_c2pa",
    "find_model",
    "generate_key",
    "inspect",
    "open_file",
    "protect",
    "rekey",
    "repair",
    "replicate",
    "set_metadata",
    "sign",
    "still_file",
    "strip_metadata",
    "timestamp_request",
    "verify",
]

_HOMES = ("errors", "limits", "container", "models", "api", "roi", "security")


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f".{home}", __name__)
            if name in module.__all__:
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
