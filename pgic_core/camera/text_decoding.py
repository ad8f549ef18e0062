"""Text as cameras write it, whatever the standard says about its encoding."""

from __future__ import annotations

__all__ = ["decode_text"]


def decode_text(data: bytes) -> str:
    """Text up to its terminator, without blanks around it.

    EXIF says ASCII; cameras write UTF-8, cameras sold in China GB18030, and old ones Latin-1. They are tried
    in this order; the last never fails.

    Args:
        data: the bytes; what follows a NUL is padding.
    """
    data = data.partition(b"\x00")[0]
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding).strip(" \t\r\n\ufeff")
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1").strip()
