"""A folder of pictures measured beside other codecs, as one page and as tables (A-8.1, A-8.2)."""

from .evaluation_run import EvaluateOptions, Report, evaluate

__all__ = ["EvaluateOptions", "Report", "evaluate"]
