"""Every error pgic raises on purpose.

The tree::

    PgiError
    ├── PgiFormatError (ValueError)        the bytes are not a .pgi, or break its rules
    │   ├── PgiTruncatedError (EOFError)   the bytes end too early
    │   ├── PgiChecksumError               a CRC32 or SHA-256 does not match
    │   └── PgiAuthenticationError         encrypted bytes are not what who encrypted them wrote
    ├── PgiUnsupportedError                well-formed, but needs something that is not here
    │   ├── PgiModelError                  the model named by the file is not installed, or is broken
    │   └── PgiKeyError                    no key was given that opens what is encrypted
    ├── PgiLimitError                      refused before anything was allocated (see ``limits``)
    ├── PgiOptionError (ValueError)        an argument is out of range or contradicts another
    │   └── PgiTargetError                 the size or fidelity asked for cannot be had for this picture
    └── PgiInputError (OSError)            the picture or file to work on cannot be read or written

    PgiWarning (UserWarning)               part of a picture is left out or changed; the message says what

Each also inherits the builtin that a caller of Pillow or of ``open()`` would expect. The message is one
plain sentence that says which part of the file and why.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "PgiAuthenticationError",
    "PgiChecksumError",
    "PgiError",
    "PgiFormatError",
    "PgiInputError",
    "PgiKeyError",
    "PgiLimitError",
    "PgiModelError",
    "PgiOptionError",
    "PgiTargetError",
    "PgiTruncatedError",
    "PgiUnsupportedError",
    "PgiWarning",
]


class PgiError(Exception):
    """Base of everything that pgic raises on purpose."""


class PgiFormatError(PgiError, ValueError):
    """The bytes are not a ``.pgi`` file, or break a rule of the format."""


class PgiTruncatedError(PgiFormatError, EOFError):
    """The bytes end before the file does."""


class PgiChecksumError(PgiFormatError):
    """A CRC32 or SHA-256 does not match the bytes it covers (A-6.3.2a)."""


class PgiAuthenticationError(PgiFormatError):
    """Encrypted bytes were changed, moved or taken from elsewhere after they were encrypted."""


class PgiUnsupportedError(PgiError):
    """The file is well-formed but needs a codec, version or feature that is not here."""


class PgiModelError(PgiUnsupportedError):
    """The model that the file names is not installed, or its files are damaged."""


class PgiKeyError(PgiUnsupportedError):
    """No key was given that opens what is asked for; the message names the keys that would.

    Attributes:
        logged: whether the audit log has this refusal.
    """

    logged = False


class PgiLimitError(PgiError):
    """A limit was reached; nothing was allocated. The message names the limit and how to raise it."""


class PgiOptionError(PgiError, ValueError):
    """An argument is out of range, or two arguments contradict each other."""


class PgiTargetError(PgiOptionError):
    """The size or fidelity that was asked for cannot be had for this picture.

    Attributes:
        least: bytes of the smallest payload that was tried; None where fidelity was asked for.
    """

    least: int | None = None


class PgiInputError(PgiError, OSError):
    """The picture or file to work on cannot be read or written."""


class PgiWarning(UserWarning):
    """Something that a picture brought along is left out or changed; the message names it.

    ``warnings.filterwarnings("error", category=PgiWarning)`` makes it an error.
    """


def of_frame(error: PgiError, number: int) -> PgiError:
    """A new error like another, whose message names the frame of a sequence that it is about.

    Args:
        error: about the file of a frame; its message may name the frame already.
        number: of the frame, from 0.
    """
    text, frame, what = str(error), f"Frame {number}", "The file "
    if text.startswith("Frame "):
        named = text
    elif text.startswith(what):
        named = f"{frame} {text[len(what) :]}"
    else:
        named = f"{frame}: {text}"
    # Never the same error: one that is raised from itself has no end for whoever follows its causes.
    return type(error)(named)


@contextmanager
def damage_of_frame(number: int) -> Iterator[None]:
    """Have errors of damage name the frame; see :func:`of_frame`."""
    try:
        yield
    except PgiTruncatedError:  # is about the file
        raise
    except PgiFormatError as error:
        raise of_frame(error, number) from error
