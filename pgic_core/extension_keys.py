"""How keys of extension fields look (A.4): one rule for what vendors declare and what files hold."""

from __future__ import annotations

import re

__all__ = ["is_extension_key"]

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.[^\x00-\x1f\x7f]+")


def is_extension_key(key: str) -> bool:
    """Whether it looks like ``vendor.name``: lower-case letters, digits and hyphens before the first dot."""
    return _KEY.fullmatch(key) is not None
