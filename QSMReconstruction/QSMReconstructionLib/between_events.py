"""Work in short steps between the events of the application."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import qt

#: Seconds of work between two chances for the application to handle events.
_SLICE = 0.03


class BetweenEvents:
    """Takes the steps of one piece of work. A step is what a generator does until it yields the seconds to wait."""

    def __init__(self) -> None:
        self._steps: Generator[float, None, Any] | None = None
        self._on_end: Callable[[Any, Exception | None], None] = lambda result, error: None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._work)

    @property
    def busy(self) -> bool:
        """Whether there is work."""
        return self._steps is not None

    def start(self, steps: Generator[float, None, Any], on_end: Callable[[Any, Exception | None], None]) -> None:
        """Begin, in place of any other work.

        Parameters
        ----------
        steps : generator
        on_end : callable
            Called in the end with what the generator returns and None, or with None and the exception that ended it.
        """
        self.stop()
        self._steps, self._on_end = steps, on_end
        self._timer.start(0)

    def stop(self) -> None:
        """Give the work up, if there is any; the generator can clean up, and `on_end` is not called."""
        self._timer.stop()
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()

    def _work(self) -> None:
        began = time.monotonic()
        wait = 0.0
        try:
            while not wait and time.monotonic() < began + _SLICE:
                wait = next(self._steps)
        except StopIteration as end:
            self._end(end.value, None)
        except Exception as error:  # whoever has started the work says so
            self._end(None, error)
        else:
            self._timer.start(round(1000 * wait))

    def _end(self, result: Any, error: Exception | None) -> None:
        self._steps = None
        self._on_end(result, error)
