"""Files of an epoch that cannot be read: named, and passed over where that is wanted."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pgic_core.errors import PgiError, PgiModelError, PgiOptionError, PgiWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgic_core.options import OnDamage

__all__ = ["DatasetDamage", "Skipping", "SkippingItems"]

DatasetDamage: TypeAlias = Literal["raise", "conceal", "skip"]
"""What a dataset does with a file that cannot be read as it was coded."""


class Skipping:
    """Takes the next sound item in the place of one that cannot be read.

    Attributes:
        skipped: why, by the number of each item that could not be read in this process.

    Args:
        on_damage: one of :data:`DatasetDamage`.

    Raises:
        PgiOptionError: it is none of these.
    """

    def __init__(self, on_damage: str) -> None:
        if on_damage not in get_args(DatasetDamage):
            raise PgiOptionError(f"on_damage must be 'raise', 'conceal' or 'skip', not {on_damage!r}.")
        self._skips = on_damage == "skip"
        self.of_loader: OnDamage = "conceal" if on_damage == "conceal" else "raise"
        self.skipped: dict[int, str] = {}

    def sound(self, index: int, count: int, read: Callable[[int], Any]) -> Any:
        """What ``read`` gives for ``index``, or with "skip" for the next number that it can read.

        Args:
            index: of the item.
            count: of all items; after the last comes the first.
            read: reads the item of a number.

        Raises:
            IndexError: there is no such item.
            PgiError: of the item; with "skip", of the last one where none can be read.
        """
        if not self._skips:
            return read(index)
        if not -count <= index < count:
            raise IndexError(index)  # what ends a loop over a dataset
        index %= count
        for step in range(count):
            number = (index + step) % count
            if number in self.skipped and step < count - 1:
                continue
            try:
                return read(number)
            except (PgiModelError, PgiOptionError):
                raise  # every other file would fail as well
            except PgiError as error:
                if number not in self.skipped:
                    self.skipped[number] = str(error)
                    warnings.warn(PgiWarning(f"Skipped: {error}"), stacklevel=2)
                if step == count - 1:
                    raise
        raise AssertionError("a dataset has at least one item")


class SkippingItems:
    """A dataset whose items ``_item`` reads, and which may skip those that cannot be read."""

    _skipping: Skipping
    _item: Callable[[int], tuple[Any, Any]]
    __len__: Callable[[], int]

    @property
    def skipped(self) -> dict[int, str]:
        """Why, by the number of each item that was skipped in this process."""
        return self._skipping.skipped

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Picture and target of one item, transformed.

        Raises:
            PgiError: as :func:`.decode_pgi`; the message names the file.
        """
        pair: tuple[Any, Any] = self._skipping.sound(index, len(self), self._item)
        return pair
