"""pgic: the image codec and ``.pgi`` file of power-grid inspection (电力设备巡检图像智能编解码)."""

from ._version import __version__

__all__ = ["__version__"]
