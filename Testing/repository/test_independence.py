"""The cores run in plain Python: they import nothing of Slicer and Qt, and the reconstruction core no VTK either."""

import pkgutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OF_SLICER = ("slicer", "qt", "ctk", "mrml", "PythonQt", "PySide6", "matplotlib")
CORES = {
    "QSMReconstruction/QSMReconstructionCore": (*OF_SLICER, "vtk", "vtkmodules"),
    "QSMRoiAnalysis/QSMRoiAnalysisCore": OF_SLICER,
}


@pytest.mark.parametrize("core", CORES)
def test_every_file_of_the_core_imports_without_slicer(core, run_python):
    folder = REPOSITORY / core
    names = [info.name for info in pkgutil.walk_packages([str(folder)], f"{folder.name}.")]
    names = [name for name in names if not name.endswith("__main__")]
    assert len(names) > 3
    code = (
        f"import importlib, sys; sys.modules.update(dict.fromkeys({CORES[core]!r}))\n"
        f"for name in {names!r}: importlib.import_module(name)"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr
