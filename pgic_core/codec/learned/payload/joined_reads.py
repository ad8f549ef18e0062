"""Parts of a payload that lie one after the other, read in one step.

Tiles are small: of a large photo a preview alone has hundreds. Where files come over a network, each read of
its own is a request of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import PgiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["JoinedReads"]

_MOST_BYTES = 1 << 20


class JoinedReads:
    """Reads parts of a payload, those of :meth:`expect` together.

    Args:
        read: gives ``(offset, length)`` of the payload.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._expected: dict[tuple[int, int], tuple[int, int]] = {}
        self._held: dict[int, bytes] = {}

    def expect(self, spans: Iterable[tuple[int, int]]) -> None:
        """Say what will be read next; what was said before is forgotten.

        Args:
            spans: offset and length of each part, from the start of the payload on.
        """
        self._expected, self._held = {}, {}
        run: list[tuple[int, int]] = []
        for span in spans:
            if run and (span[0] != sum(run[-1]) or sum(span) - run[0][0] > _MOST_BYTES):
                self._join(run)
                run = []
            run.append(span)
        self._join(run)

    def _join(self, run: list[tuple[int, int]]) -> None:
        if len(run) > 1:
            first, end = run[0][0], sum(run[-1])
            self._expected.update(dict.fromkeys(run, (first, end - first)))

    def __call__(self, offset: int, length: int) -> bytes:
        """A part of the payload.

        Raises:
            PgiError: as the reader that was given, for this part alone.
        """
        joined = self._expected.get((offset, length))
        if joined is None:
            return self._read(offset, length)
        first, size = joined
        if first not in self._held:
            try:
                self._held[first] = self._read(first, size)
            except PgiError:
                # Something in there cannot be read: each part fails, or does not, by itself.
                self._expected = {key: run for key, run in self._expected.items() if run != joined}
                return self._read(offset, length)
        return self._held[first][offset - first : offset - first + length]
