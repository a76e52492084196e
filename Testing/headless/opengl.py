"""Whether this machine can render off screen, found out without risk.

Where the system has no OpenGL or X libraries, VTK does not report that: creating a render window ends the process with
a segmentation fault. So the question is put to another process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

#: What to tell the user where nothing renders.
REMEDY = (
    "OpenGL was not found, so 3D views cannot be rendered here. "
    "On Debian and Ubuntu, install it with: apt-get install libegl1 libgl1 libgl1-mesa-dri libx11-6"
)

_PROBE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow, vtkWindowToImageFilter
renderer = vtkRenderer()
renderer.SetBackground(1, 1, 1)
window = vtkRenderWindow()
window.SetOffScreenRendering(True)
window.ShowWindowOff()
window.SetSize(8, 8)
window.AddRenderer(renderer)
window.Render()
picture = vtkWindowToImageFilter()
picture.SetInput(window)
picture.ReadFrontBufferOff()
picture.Update()
print("rendered" if picture.GetOutput().GetScalarRange()[0] == 255 else "dark")
"""


@cache
def available() -> bool:
    """Whether off-screen rendering works, with the window class that `VTK_DEFAULT_OPENGL_WINDOW` is then set to.

    On Linux, EGL is preferred, which needs no X server.
    """
    name = "VTK_DEFAULT_OPENGL_WINDOW"
    given = os.environ.get(name)
    candidates = [given] if given else ["vtkEGLRenderWindow", None] if sys.platform.startswith("linux") else [None]
    for window_class in candidates:
        choice = {name: window_class} if window_class else {}
        if _renders({**os.environ, **choice}):
            os.environ.update(choice)
            return True
    return False


def _renders(variables: dict[str, str]) -> bool:
    probe = subprocess.run([sys.executable, "-c", _PROBE], env=variables, capture_output=True, text=True)
    return probe.returncode == 0 and "rendered" in probe.stdout
