"""Scans that several tests of the cores use."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from QSMReconstructionCore.acquisition import Acquisition
from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.phantom import head_phantom


@pytest.fixture(scope="session")
def head():
    """The digital head at 4 mm, oblique by (20, 10) degrees."""
    return head_phantom(shape=(45, 54, 45), spacing=(4.0, 4.0, 4.0), tilt=(20.0, 10.0))


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """An oblique head scan written by `simulate`, with short echoes because 4 mm voxels dephase soon."""
    out = tmp_path_factory.mktemp("simulated")
    options = ["--voxel-size", "4", "4", "4", "--tilt", "20", "10", "--echo-times", "0.002", "0.005", "0.008"]
    assert main(["simulate", str(out), *options, "--progress", "none"]) == 0
    return out


@pytest.fixture
def facts():
    """Arguments of a small, valid, noisy `Acquisition`, to be spoiled one at a time."""
    random = np.random.default_rng(0)
    shape = (3, 4, 5, 6)
    return {
        "magnitude": random.uniform(1, 2, shape).astype(np.float32),
        "phase": random.uniform(-np.pi, np.pi, shape).astype(np.float32),
        "echo_times": (0.004, 0.012, 0.020),
        "field_strength": 3.0,
        "grid": Grid(shape[1:], (2.0, 1.5, 1.0)),
    }


@pytest.fixture
def acquisition(facts):
    """A small, valid, noisy `Acquisition`."""
    return Acquisition(**facts)


@pytest.fixture(scope="session")
def scans() -> Path:
    """Folder of the real scans, where present: the environment variable QSM_SHARED_DATA, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("QSM_SHARED_DATA", beside)) / "scans"
    if not folder.is_dir():
        pytest.skip(f"the real scans are not in {folder}; set QSM_SHARED_DATA to the folder that holds scans/")
    return folder
