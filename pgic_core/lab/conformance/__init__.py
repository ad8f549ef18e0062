"""What the standard drafts demand, where each demand stands, and what shows it."""

from .demands import Demand, Document, State, counted, read_demands
from .page import html_page, markdown_page, terminal_table

__all__ = [
    "Demand",
    "Document",
    "State",
    "counted",
    "html_page",
    "markdown_page",
    "read_demands",
    "terminal_table",
]
