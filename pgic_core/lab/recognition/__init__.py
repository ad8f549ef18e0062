"""Whether recognisers see in a decoded picture what they see in the original (A-B.2d)."""

from .recognisers import Recogniser, find_recogniser
from .scores import Difference, Seen, difference_of
from .truth import held_out, label_of_name, read_truth

__all__ = [
    "Difference",
    "Recogniser",
    "Seen",
    "difference_of",
    "find_recogniser",
    "held_out",
    "label_of_name",
    "read_truth",
]
