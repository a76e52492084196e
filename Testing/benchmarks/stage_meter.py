"""What each stage of a reconstruction costs."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field

import numpy as np

from QSMReconstructionCore.numerics.fourier import FourierCount, counted_ffts, fast_shape, forward, inverse
from QSMReconstructionCore.phantom import Phantom
from QSMReconstructionCore.pipeline import STAGES_IN_WORDS, reconstruct
from QSMReconstructionCore.recipe import Recipe
from QSMReconstructionCore.reconstruction import Reconstruction

_ITERATION = re.compile(r"(?:iteration|outer step|step|cycle) (\d+)")


@dataclass(frozen=True)
class Cost:
    """What one computation took.

    Attributes
    ----------
    seconds : float
        Wall time.
    cpu_seconds : float
        Processor time of all threads.
    fft_voxels : int
        Voxels that went through Fourier transforms.
    peak_bytes : int
        Memory at its peak above that at the beginning: what Python and numpy allocate.
    """

    seconds: float
    cpu_seconds: float
    fft_voxels: int
    peak_bytes: int

    def __add__(self, other: Cost) -> Cost:
        """Of both, one after the other."""
        return Cost(
            self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, self.fft_voxels + other.fft_voxels,
            max(self.peak_bytes, other.peak_bytes),
        )


class Meter:
    """Measures one computation after another. `tracemalloc` must be running.

    Parameters
    ----------
    count : FourierCount
        Grows with the transforms (`counted_ffts`).
    """

    def __init__(self, count: FourierCount) -> None:
        self._count = count

    def start(self) -> None:
        """The computation begins now."""
        tracemalloc.reset_peak()
        memory = tracemalloc.get_traced_memory()[0]
        self._before = (time.perf_counter(), time.process_time(), self._count.voxels, memory)

    def stop(self) -> Cost:
        """The computation has ended."""
        wall, cpu, voxels, memory = self._before
        peak = tracemalloc.get_traced_memory()[1]
        return Cost(
            time.perf_counter() - wall, time.process_time() - cpu, self._count.voxels - voxels, max(peak - memory, 0)
        )


@dataclass
class Watch:
    """Progress that knows which stage is running, and the last iteration that each has reported."""

    stage: str = ""
    iterations: dict[str, int] = field(default_factory=dict)

    def __call__(self, fraction: float, message: str) -> None:
        words, _, detail = message.partition(": ")
        self.stage = next((stage for stage, text in STAGES_IN_WORDS.items() if text == words), "")
        found = _ITERATION.search(detail)
        if found:
            self.iterations[self.stage] = int(found[1])


class MeteredCache(MutableMapping):
    """A cache for `reconstruct` that measures each stage whose result it does not hold.

    The pipeline asks for the result before each stage and stores the result right after it; this is all that is needed.

    Parameters
    ----------
    meter : Meter
    watch : Watch
        The progress of the same reconstruction.
    kept : mapping
        Results to start from, as in another cache.
    """

    def __init__(self, meter: Meter, watch: Watch, kept: Mapping = ()) -> None:
        self._meter, self._watch, self._kept = meter, watch, dict(kept)
        self.costs: dict[str, Cost] = {}

    def __setitem__(self, key: str, value: object) -> None:
        cost, stage = self._meter.stop(), self._watch.stage
        self.costs[stage] = self.costs[stage] + cost if stage in self.costs else cost  # in two passes, it runs twice
        self._kept[key] = value

    def __getitem__(self, key: str) -> object:
        try:
            return self._kept[key]
        except KeyError:
            self._meter.start()
            raise

    def __delitem__(self, key: str) -> None:
        del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True, eq=False)
class MeteredRun:
    """A reconstruction with what its stages cost.

    Attributes
    ----------
    result : Reconstruction
    costs : dict
        Stage -> Cost, for the stages that were computed.
    iterations : dict
        Stage -> number of iterations that it reported last.
    cache : MeteredCache
        For another reconstruction of the same scan.
    """

    result: Reconstruction
    costs: dict[str, Cost]
    iterations: dict[str, int]
    cache: MeteredCache


def metered(
    phantom: Phantom, recipe: Recipe, *, mask: np.ndarray | None = None, kept: Mapping = (), **more
) -> MeteredRun:
    """Reconstruct a scan and measure its stages.

    Parameters
    ----------
    phantom : Phantom
    recipe : Recipe
    mask : ndarray, bool, optional
        As in `reconstruct`.
    kept : mapping
        The cache of an earlier run.
    **more
        For `reconstruct`.
    """
    watch = Watch()
    with tracing(), counted_ffts() as count:
        cache = MeteredCache(Meter(count), watch, kept)
        result = reconstruct(phantom.acquisition, recipe, watch, mask=mask, cache=cache, **more)
    return MeteredRun(result, cache.costs, watch.iterations, cache)


class tracing:  # noqa: N801  (used like a function)
    """A `with` block in which memory is traced, whether or not it already was."""

    def __enter__(self) -> None:
        self._started = not tracemalloc.is_tracing()
        if self._started:
            tracemalloc.start()

    def __exit__(self, *error) -> None:
        if self._started:
            tracemalloc.stop()


def seconds_of_a_pair(shape: tuple[int, int, int], repetitions: int = 5) -> float:
    """Least wall time of a forward and an inverse transform of `shape`, rounded up to a fast one, in s."""
    volume = np.random.default_rng(0).standard_normal(fast_shape(shape), dtype=np.float32)
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        inverse(forward(volume), volume.shape)
        times.append(time.perf_counter() - began)
    return min(times)
