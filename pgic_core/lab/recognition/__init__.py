"""Whether recognisers see in a decoded picture what they see in the original (A-B.2d)."""

from .ground_truth import held_out, label_of_name, read_places, read_truth
from .recognisers import Recogniser, find_recogniser
from .recognition_scores import Box, Difference, Seen, difference_of

__all__ = [
    "Box",
    "Difference",
    "Recogniser",
    "Seen",
    "difference_of",
    "find_recogniser",
    "held_out",
    "label_of_name",
    "read_places",
    "read_truth",
]
