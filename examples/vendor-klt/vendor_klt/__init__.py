"""A codec of another kind for ``.pgi`` files: a transform that is learned from the picture itself."""

from .codec import COMPRESSION_TYPE, decode, encode, encode_file

__all__ = ["COMPRESSION_TYPE", "decode", "encode", "encode_file"]
