"""The report as one page that needs nothing else: no network, no other file."""

from .build import report_page

__all__ = ["report_page"]
