"""Errors of pgic as users of Pillow catch them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from PIL import Image

from pgic_core.errors import PgiError, PgiInputError, PgiLimitError, PgiOptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PgiBombError", "pillow_errors"]


class PgiBombError(PgiLimitError, Image.DecompressionBombError):
    """A file asks for more than the limits allow, as users of Pillow catch it."""


@contextlib.contextmanager
def pillow_errors(name: str | bytes = "", file: object = None) -> Iterator[None]:
    """Errors of pgic as what a user of Pillow catches, with the same sentence.

    Args:
        name: of the file, which begins the sentence: among the thousands of an epoch it is what one needs.
        file: asked where there is no name. Many programs open a file, and hand it to Pillow.
    """
    name = name or getattr(file, "name", "")
    before = f"{os.fsdecode(name)}: " if name and isinstance(name, (str, bytes)) else ""
    try:
        yield
    except PgiOptionError:
        raise
    except PgiLimitError as error:
        raise PgiBombError(f"{before}{error}") from error
    except PgiError as error:
        if isinstance(error, PgiInputError) and not before:
            raise
        raise PgiInputError(f"{before}{error}") from error
    except ImportError as error:
        raise PgiInputError(f"A library that this .pgi file needs is missing: {error}") from error
