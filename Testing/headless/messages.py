"""Errors that VTK and MRML classes report, which would otherwise only appear on the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vtkmodules.util.misc import calldata_type
from vtkmodules.util.vtkConstants import VTK_STRING
from vtkmodules.vtkCommonCore import vtkOutputWindow


@contextmanager
def recorded_errors() -> Iterator[list[str]]:
    """A list to which each error is added when it is reported, until the end of the `with` block."""
    errors: list[str] = []

    @calldata_type(VTK_STRING)
    def record(output_window, event: str, text: str) -> None:
        errors.append(text.strip())

    output_window = vtkOutputWindow.GetInstance()
    tag = output_window.AddObserver("ErrorEvent", record)
    try:
        yield errors
    finally:
        output_window.RemoveObserver(tag)
