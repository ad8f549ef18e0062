"""Copies of the arguments and answers of hooks, so that neither side can change the other's data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["copy_of_answer", "copy_of_argument"]

_DEEPEST = 64


def copy_of_argument(value: object) -> object:
    """What a hook is given for a value: a copy of its own. Arrays say that they cannot be written to."""
    copy = _copied(value, 0)
    if isinstance(copy, np.ndarray):
        copy.flags.writeable = False
    return copy


def copy_of_answer(value: object) -> object:
    """What pgic keeps of an answer, whatever the plugin does to it later.

    Arrays become plain arrays, mappings dicts, sequences lists and byte strings bytes.

    Raises:
        ValueError: it is nested too deep.
    """
    return _copied(value, 0)


def _copied(value: object, depth: int) -> object:
    if depth > _DEEPEST:
        raise ValueError(f"what it returned is nested deeper than {_DEEPEST} levels")
    if isinstance(value, np.ndarray):
        return np.array(value, subok=False)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, Mapping):
        return {key: _copied(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(item, depth + 1) for item in value]
    return value
