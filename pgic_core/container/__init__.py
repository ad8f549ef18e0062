"""The ``.pgi`` file: bytes to blocks and back (Appendix A). FORMAT.md beside this file is the specification.

Knows no codec, no network and no plugin: the coded picture is opaque here.
"""

from ..magic import MAGIC
from .annotations import (
    Annotation,
    Box,
    Polygon,
    Severity,
    annotations_from_maps,
    annotations_to_maps,
    upright_size,
)
from .atomic_writing import atomic_write
from .block_entry import BlockEntry, BlockFlag, BlockType
from .byte_source import ByteSource, open_source
from .extension_block import ExtensionKey, parse_extension, serialize_extension
from .file_header import FORMAT_VERSION, is_pgi
from .image_fields import IMAGE_FIELDS_SIZE, Compression, ImageFields, ImageType
from .jpeg_segments import Segment, other_segments, pack_segments, put_segments, unpack_segments
from .metadata_block import Location, Metadata, parse_metadata, serialize_metadata
from .reader import PgiReader
from .rewriting import KEEP, Keep, rewrite, rewrite_file
from .strategy_field import DETAILS, Strategy, strategy_from_map
from .writer import build_file, iter_file, write_file

__all__ = [
    "DETAILS",
    "FORMAT_VERSION",
    "IMAGE_FIELDS_SIZE",
    "KEEP",
    "MAGIC",
    "Annotation",
    "BlockEntry",
    "BlockFlag",
    "BlockType",
    "Box",
    "ByteSource",
    "Compression",
    "ExtensionKey",
    "ImageFields",
    "ImageType",
    "Keep",
    "Location",
    "Metadata",
    "PgiReader",
    "Polygon",
    "Segment",
    "Severity",
    "Strategy",
    "annotations_from_maps",
    "annotations_to_maps",
    "atomic_write",
    "build_file",
    "is_pgi",
    "iter_file",
    "open_source",
    "other_segments",
    "pack_segments",
    "parse_extension",
    "parse_metadata",
    "put_segments",
    "rewrite",
    "rewrite_file",
    "serialize_extension",
    "serialize_metadata",
    "strategy_from_map",
    "unpack_segments",
    "upright_size",
    "write_file",
]
