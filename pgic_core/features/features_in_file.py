"""Feature maps in a ``.pgi`` file: beside the picture, or instead of it.

The stream lies in the extension block under ``pgic.features``, as a byte string. A file must hold a
picture, so one that carries features only holds a single black pixel and says image type 255, "other".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgic_core.codec.lossless.encoder import encode_lossless
from pgic_core.container import (
    Compression,
    ImageFields,
    ImageType,
    Metadata,
    build_file,
)
from pgic_core.errors import PgiFormatError
from pgic_core.limits import DEFAULT_LIMITS, Limits
from pgic_core.security.reader_unlocking import open_reader, opened_content, rewritten

from .api import inspect_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgic_core.container.byte_source import SourceLike
    from pgic_core.security.keyring import KeysLike

__all__ = ["EXTENSION_KEY", "attach_features", "features_file", "features_in", "read_features"]

EXTENSION_KEY = "pgic.features"


def attach_features(
    source: SourceLike, stream: bytes, *, limits: Limits = DEFAULT_LIMITS, keys: KeysLike | None = None
) -> bytes:
    """The same ``.pgi`` with a feature stream in its extension block; the picture is copied as it is.

    Args:
        source: path, bytes or binary file of a ``.pgi``.
        stream: from :func:`~pgic_core.features.encode_features`; replaces one that is there.
        limits: for reading; ``metadata_bytes`` also bounds what the extension block may hold.
        keys: for an encrypted file, as of :func:`pgic_core.open_file`.

    Raises:
        PgiError: the stream or the file is none, or the file cannot be changed (it is signed, or no key opens
            it in full).
    """
    inspect_features(stream, limits=limits)
    with open_reader(source, limits, keys) as reader:
        extension = {**reader.extension, EXTENSION_KEY: bytes(stream)}
        return b"".join(rewritten(reader, reader.metadata, extension))


def features_file(stream: bytes, *, metadata: Metadata | None = None) -> bytes:
    """A ``.pgi`` that carries a feature stream instead of a picture.

    Raises:
        PgiError: the stream is none, or is larger than an extension block may be.
    """
    inspect_features(stream)
    fields = ImageFields(ImageType.OTHER, 1, 1, 8, Compression.LOSSLESS)
    pixel = encode_lossless(np.zeros((1, 1, 1), np.uint8))
    return build_file(fields, pixel, metadata=metadata, extension={EXTENSION_KEY: bytes(stream)})


def read_features(
    source: SourceLike, *, limits: Limits = DEFAULT_LIMITS, keys: KeysLike | None = None
) -> bytes | None:
    """The feature stream of a ``.pgi``, not decoded; None if it has none. The picture is not read.

    Args:
        source: path, bytes or binary file of a ``.pgi``.
        limits: what the file may ask for.
        keys: for an encrypted file, as of :func:`pgic_core.open_file`.

    Raises:
        PgiKeyError: the file may have one that the keys do not open.
        PgiError: the file is damaged, or holds something else under that key.
    """
    with open_reader(source, limits, keys) as reader:
        opened = opened_content(reader)
        if opened is not None:
            opened.require(
                max(opened.hidden_extension(), default=opened.tier), "A feature stream of this file"
            )
        return features_in(reader.extension)


def features_in(extension: Mapping[str, object]) -> bytes | None:
    """The feature stream among extension fields, not decoded; None if there is none.

    Raises:
        PgiFormatError: something else lies under that key.
    """
    stream = extension.get(EXTENSION_KEY)
    if stream is not None and not isinstance(stream, bytes):
        raise PgiFormatError(f"{EXTENSION_KEY} must be a byte string.")
    return stream
