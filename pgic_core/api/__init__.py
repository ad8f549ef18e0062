"""The one way in: pictures to files, files to pictures, and what files say."""

from .decoding import decode, decode_many, decode_with_mask, inspect, open_file, verify
from .editing import annotate, set_metadata
from .encoding import EncodeOptions, encode, encode_to
from .file import Decoded, PgiFile
from .info import BlockInfo, FileInfo

__all__ = [
    "BlockInfo",
    "Decoded",
    "EncodeOptions",
    "FileInfo",
    "PgiFile",
    "annotate",
    "decode",
    "decode_many",
    "decode_with_mask",
    "encode",
    "encode_to",
    "inspect",
    "open_file",
    "set_metadata",
    "verify",
]
