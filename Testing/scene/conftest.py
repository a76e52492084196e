"""What the tests on the real MRML libraries can ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

import standin

REPOSITORY = Path(__file__).resolve().parents[2]

standin.install()  # before test files are imported, which may import Slicer-facing packages


@pytest.fixture
def reconstruction_module(scene):
    """The module file of QSM Reconstruction, loaded without Qt."""
    return standin.load_module(REPOSITORY / "QSMReconstruction" / "QSMReconstruction.py")


@pytest.fixture
def quick_pipeline(monkeypatch):
    """Puts `small_scan.quick_reconstruct` in place of the pipeline."""
    from QSMReconstructionCore import pipeline
    from small_scan import quick_reconstruct

    monkeypatch.setattr(pipeline, "reconstruct", quick_reconstruct)
