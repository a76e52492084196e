"""What the stand-in says when a module asks for something that it does not stand in for."""

from __future__ import annotations


class NotStoodIn(AttributeError, RuntimeError):
    """Slicer has it and the stand-in has not; `hasattr` sees it as missing. The message says what it is."""
