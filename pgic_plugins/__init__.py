"""Adapters that make ``.pgi`` at home in other libraries, one module each."""
