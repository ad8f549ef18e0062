"""Writing to the terminal, in one place: text of files is made safe for it and fits its encoding.

File names, metadata and error messages hold whatever a stranger wrote: escape sequences, C1 controls,
characters that reverse the direction of text, letters that the console has no code for. They are spelled out
as backslash escapes here, and nothing else in pgic prints.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["console", "json_items", "printable", "say", "show", "show_json"]

_PIPE_WIDTH = 140
_NOT_ASCII_TEXT = re.compile(r"[^ -~]")
_NOT_ASCII_JSON = re.compile(r"[^ -~\n]")


def printable(text: str) -> str:
    """The text with control, format and private characters and lone surrogates as backslash escapes.

    Line ends count as controls. Letters, signs and spaces of all scripts stay.
    """
    return _NOT_ASCII_TEXT.sub(_spelled, text)


def say(line: str) -> None:
    """Write a line to standard error."""
    _write(printable(line), sys.stderr)


def show(*columns: str) -> None:
    """Write a line to standard output; columns with tabs between them."""
    _write("\t".join(map(printable, columns)), sys.stdout)


def show_json(value: object) -> None:
    """Write a value to standard output as indented JSON.

    The output is valid UTF-8 whatever the value holds and whatever the terminal's encoding is: controls and
    lone surrogates (a file name that is no UTF-8) become JSON escapes, and so does all that is not ASCII
    where the terminal takes another encoding than UTF-8.

    Args:
        value: of types that JSON holds, without infinities and NaN.
    """
    _write(_json_text(value), sys.stdout)


@contextmanager
def json_items() -> Iterator[Callable[[object], None]]:
    """Write the items of one JSON list to standard output, each as soon as it is there.

    Nothing is written if there is no item. The list is closed also where the block fails.

    Yields:
        What takes an item.
    """
    begun = False

    def item(value: object) -> None:
        nonlocal begun
        text = "\n".join(f"  {line}" for line in _json_text(value).split("\n"))
        _write((",\n" if begun else "[\n") + text, sys.stdout, end="")
        begun = True

    try:
        yield item
    finally:
        if begun:
            _write("\n]", sys.stdout)


def console(*, stderr: bool = False) -> Console:
    """A rich console for tables and bars, whose texts are spelled out likewise.

    Args:
        stderr: write to standard error instead of standard output. In a pipe, standard output is as wide as
            tables need to be.
    """
    from rich.console import Console
    from rich.segment import Segment

    class _Console(Console):
        def render(self, renderable: Any, options: Any = None) -> Any:
            for segment in super().render(renderable, options):
                if segment.control or _is_plain(segment.text):
                    yield segment
                else:
                    lines = "\n".join(map(printable, segment.text.split("\n")))
                    yield Segment(_encodable(lines, self.file), segment.style)

    if stderr:
        return _Console(stderr=True)
    return _Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def _json_text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=not _is_utf8(sys.stdout), indent=2, allow_nan=False)
    return _NOT_ASCII_JSON.sub(_json_spelled, text)


def _write(text: str, stream: IO[str] | None, end: str = "\n") -> None:
    # Without a console (pythonw) there is no stream.
    if stream is not None:
        print(_encodable(text, stream), file=stream, end=end, flush=True)


def _encodable(text: str, stream: IO[str]) -> str:
    """The text with characters that the stream's encoding lacks as backslash escapes."""
    if _is_plain(text):
        return text
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _is_plain(text: str) -> bool:
    return _NOT_ASCII_JSON.search(text) is None


def _is_utf8(stream: IO[str] | None) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def _is_harmless(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _spelled(match: re.Match[str]) -> str:
    char = match[0]
    return char if _is_harmless(char) else char.encode("unicode_escape", "surrogatepass").decode()


def _json_spelled(match: re.Match[str]) -> str:
    char = match[0]
    return char if _is_harmless(char) else json.dumps(char)[1:-1]
