"""The parts of the benchmark; each yields the rows of its table as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.signal

from QSMReconstructionCore.background.residual import FUNCTIONS, remove_residual
from QSMReconstructionCore.fieldmapping.unwrapping import unwrap_spatially
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.inversion.padded_field import PaddedField
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.metrics import correlation, nrmse, score
from QSMReconstructionCore.numerics.fourier import counted_ffts, fast_shape
from QSMReconstructionCore.numerics.romeo_weights import edge_weights
from QSMReconstructionCore.phantom import LABELS, Phantom
from QSMReconstructionCore.pipeline import reconstruct, weights_of
from QSMReconstructionCore.preview import box_around, preview_inversion
from QSMReconstructionCore.recipe import PRESETS, Recipe
from QSMReconstructionCore.reconstruction import Reconstruction
from QSMReconstructionCore.referencing import ReferenceRegion

from .scenes import DISTURBANCES, SCENARIOS, head
from .stage_meter import Cost, Meter, metered, seconds_of_a_pair, tracing

#: The region that the reference method "region" is given.
_WHITE_MATTER = next(label for label, name in LABELS.items() if name == "White matter")

#: Voxels (k, j, i) of the same volume, and tilts in degrees, of the part `kernel`.
_VOXEL_PROPORTIONS = ((1.0, 1.0, 1.0), (1.6, 0.8, 0.8), (2.5, 0.65, 0.65))
_KERNEL_TILTS = ((0.0, 0.0), (25.0, 0.0))
#: Padding in mm, half of it on each side, so that a head of 180 mm has its field without wrapping around.
_UNWRAPPED = 200.0

#: Of the smooth functions that the part `residual` takes off; 4 is what SEPIA takes.
_RESIDUAL_DEGREES = (1, 2, 4)

Rows = Iterator[dict]


@dataclass(frozen=True)
class Bench:
    """What all parts share.

    Attributes
    ----------
    phantom : Phantom
        The scan of all parts but `scenarios`.
    voxel_size : float
        In mm.
    pair_seconds : float
        Time of a pair of Fourier transforms of the scan's size, in s.
    options : dict
        Of the phantom.
    """

    phantom: Phantom
    voxel_size: float
    pair_seconds: float
    options: dict

    @classmethod
    def of(cls, voxel_size: float, **options) -> Bench:
        """Simulate the scan and time the transforms."""
        phantom = head(voxel_size, **options)
        return cls(phantom, voxel_size, seconds_of_a_pair(phantom.mask.shape), options)

    def cost(self, cost: Cost) -> dict:
        """A cost as cells of a table."""
        shape = self.phantom.mask.shape
        return {
            "s": cost.seconds,
            "cpu s": cost.cpu_seconds,
            "time in FFT pairs": cost.seconds / self.pair_seconds,
            "FFT pairs": cost.fft_voxels / (2 * int(np.prod(fast_shape(shape)))),
            "peak volumes": cost.peak_bytes / (4 * int(np.prod(shape))),
        }


def method_rows(bench: Bench) -> Rows:
    """Every method of every stage within the default recipe, from raw phase."""
    default = Recipe.preset("default")
    first = metered(bench.phantom, default, mask=bench.phantom.mask)
    for stage, methods in METHODS.items():
        for name in methods:
            row = {"stage": stage, "method": name}
            given = {} if stage == "mask" else {"mask": bench.phantom.mask}
            if (stage, name) == ("reference", "region"):
                given["reference_region"] = ReferenceRegion("White matter", bench.phantom.labels == _WHITE_MATTER)
            recipe = default.with_method(stage, name)
            try:
                # The first run holds the stages before this one, so that they are not computed again.
                same = stage != "mask" and recipe == default
                run = first if same else metered(bench.phantom, recipe, kept=first.cache, **given)
            except ValueError as error:
                yield row | {"note": str(error)}
                continue
            cost = bench.cost(run.costs[stage]) if stage in run.costs else {}
            row |= cost | {"iterations": run.iterations.get(stage)}
            yield row | {"own error %": _own_error(stage, run.result, bench.phantom)} | agreement(
                run.result.susceptibility, bench.phantom
            )


def isolated_rows(bench: Bench) -> Rows:
    """Background methods from the true total field, inversions from the true local field, with the scan's noise."""
    phantom, grid = bench.phantom, bench.phantom.acquisition.grid
    mask = phantom.mask
    noise = reconstruct(phantom.acquisition, "default", mask=mask).field_map.noise
    weights = weights_of(noise, mask)
    # Voxels without any phase have no bound on their noise; they carry no weight either.
    error = np.random.default_rng(0).standard_normal(mask.shape, dtype=np.float32) * np.minimum(noise, 0.1)
    fields = {"background": phantom.total_field, "inversion": phantom.local_field}
    given = {"weights": weights, "magnitude": phantom.acquisition.magnitude}
    for stage, field in fields.items():
        for name, method in METHODS[stage].items():
            whole = phantom.total_field if method.works_on_total_field else field
            measured = np.where(mask, whole + error, np.float32(0))
            row = {"stage": stage, "method": name}
            with tracing(), counted_ffts() as count:
                meter = Meter(count)
                meter.start()
                try:
                    found = method.run(measured, mask, grid, given=given, parameters={})
                except ValueError as reason:
                    yield row | {"note": str(reason)}
                    continue
                row |= bench.cost(meter.stop())
            if stage == "background":
                yield row | _similarity(score(found.field, phantom.local_field, mask))
            else:
                yield row | agreement(found, phantom)


def kernel_rows(bench: Bench) -> Rows:
    """Dipole kernels on voxels of several shapes: error of the brain's field, and of its inversion without noise."""
    options = {name: value for name, value in bench.options.items() if name != "tilt"}
    for proportions in _VOXEL_PROPORTIONS:
        for tilt in _KERNEL_TILTS:
            phantom = head(bench.voxel_size, proportions, tilt=tilt, **options)
            grid, mask = phantom.acquisition.grid, phantom.mask
            sources = np.where(mask, phantom.susceptibility, np.float32(0))
            even = tuple(slice(n // 2 * 2) for n in grid.shape)
            coarse = grid.part(even).coarsened((2, 2, 2))
            scanned = _cut_off(sources[even], coarse.shape)
            seen = _cut_off(_field_of(sources, grid)[even], coarse.shape)
            brain = _cut_off(mask[even].astype(np.float32), coarse.shape) > 0.5
            for kernel, integrated in (("continuous", False), ("integrated over voxels", True)):
                found = METHODS["inversion"]["rts"].run(
                    phantom.local_field, mask, grid, given={}, parameters={"integrated_kernel": integrated}
                )
                yield {
                    "voxel mm": " x ".join(f"{h:.3g}" for h in grid.spacing[::-1]),
                    "tilt": f"{tilt[0]:g} degrees",
                    "kernel": kernel,
                    "field error, averaged over voxels %": nrmse(
                        _field_of(sources, grid, integrated), phantom.local_field, mask
                    ),
                    "field error, cut off in k-space to half %": nrmse(
                        _field_of(scanned, coarse, integrated), seen, brain
                    ),
                } | agreement(found, phantom)


def _field_of(sources: np.ndarray, grid: Grid, integrated: bool = False) -> np.ndarray:
    """Field of sources by a kernel, without what wraps around."""
    everywhere = np.ones(grid.shape, dtype=bool)
    padded = PaddedField.around(sources, everywhere, grid, None, margin=_UNWRAPPED, integrated=integrated)
    return padded.whole(padded.convolved(padded.data))


def _cut_off(volume: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """What a scan of fewer voxels sees of a volume: its low frequencies, as a scanner samples k-space."""
    for axis, n in enumerate(shape):
        volume = scipy.signal.resample(volume, n, axis=axis)
    return volume.astype(np.float32)


def residual_rows(bench: Bench) -> Rows:
    """Smooth remains taken off after background removal from the true total field, scored inside each mask."""
    phantom, grid, mask = bench.phantom, bench.phantom.acquisition.grid, bench.phantom.mask
    for name, method in METHODS["background"].items():
        if "residual_degree" not in method.parameters:
            continue
        plain = method.run(np.where(mask, phantom.total_field, np.float32(0)), mask, grid, given={}, parameters={})
        yield {"method": name} | _similarity(score(plain.field, phantom.local_field, plain.mask))
        for functions in FUNCTIONS:
            for degree in _RESIDUAL_DEGREES:
                row = {"method": name, "residual functions": functions, "residual degree": degree}
                found = remove_residual(plain, grid, degree=degree, functions=functions)
                yield row | _similarity(score(found.field, phantom.local_field, found.mask))


def matrix_rows(bench: Bench) -> Rows:
    """Every background method with every inversion, from raw phase."""
    default, cache = Recipe.preset("default"), {}
    for background in METHODS["background"]:
        for inversion, method in METHODS["inversion"].items():
            if method.works_on_total_field != METHODS["background"][background].works_on_total_field:
                continue
            recipe = default.with_values({"background.method": background, "inversion.method": inversion})
            row = {"background": background, "inversion": inversion}
            try:
                result = reconstruct(bench.phantom.acquisition, recipe, mask=bench.phantom.mask, cache=cache)
            except ValueError as error:
                yield row | {"note": str(error)}
                continue
            yield row | agreement(result.susceptibility, bench.phantom)


def scenario_rows(bench: Bench) -> Rows:
    """All presets over field strengths, noise, orientation and anatomy, without changing a setting."""
    for name, options in SCENARIOS.items():
        phantom = head(bench.voxel_size, **options)
        for preset in PRESETS:
            result = reconstruct(phantom.acquisition, preset, mask=phantom.mask)
            row = {"scan": name, "preset": preset, "s": sum(result.seconds.values())}
            yield row | agreement(result.susceptibility, phantom)


def robustness_rows(bench: Bench) -> Rows:
    """The default and the consensus preset on scans with something wrong, scored in the true brain."""
    for disturb in DISTURBANCES:
        disturbed = disturb(bench.phantom)
        for preset in ("default", "consensus"):
            result = reconstruct(disturbed.phantom.acquisition, preset, mask=disturbed.mask)
            row = {"scan": disturb.__doc__.partition(":")[0].rstrip("."), "preset": preset}
            yield row | agreement(result.susceptibility, disturbed.phantom)


def preview_rows(bench: Bench) -> Rows:
    """Previews of inversions: time in a box and on a coarse grid, correlation with the whole inversion."""
    phantom, grid = bench.phantom, bench.phantom.acquisition.grid
    default, cache = Recipe.preset("default"), {}
    middle = tuple(n // 2 for n in grid.shape)
    for method in METHODS["inversion"]:
        recipe = default.with_method("inversion", method)
        whole = reconstruct(phantom.acquisition, recipe, mask=phantom.mask, cache=cache)
        local = whole.local_field
        data = {"weights": weights_of(local.noise, local.mask), "magnitude": phantom.acquisition.magnitude}
        for part, box in (("box", box_around(middle, grid, method=method)), ("coarse grid", None)):
            began = time.perf_counter()
            found = preview_inversion(local.field, phantom.mask, grid, method=method, box=box, **data)
            seconds = time.perf_counter() - began
            row = {"method": method, "part": part, "voxels": int(np.prod(found.grid.shape)), "s": seconds}
            row["time in FFT pairs"] = seconds / bench.pair_seconds
            if box is not None:
                row["correlation"] = correlation(found.susceptibility, whole.susceptibility[box], found.mask)
            yield row


def pipeline_rows(bench: Bench) -> Rows:
    """The stages of the default recipe: memory of a stage above its beginning, of all above the scan."""
    run = metered(bench.phantom, Recipe.preset("default"))
    voxels = bench.phantom.mask.size
    for stage, cost in run.costs.items():
        row = {"stage": stage, "method": run.result.recipe.stages[stage]["method"]} | bench.cost(cost)
        yield row | {"peak bytes per voxel": cost.peak_bytes / voxels, "iterations": run.iterations.get(stage)}
    del run
    with tracing(), counted_ffts() as count:
        meter = Meter(count)
        meter.start()
        reconstruct(bench.phantom.acquisition)  # without a cache, which holds the results of all stages
        whole = meter.stop()
    yield {"stage": "all"} | bench.cost(whole) | {"peak bytes per voxel": whole.peak_bytes / voxels}


def unwrapping_rows(bench: Bench) -> Rows:
    """Spatial unwrapping of the phase between two echoes: ROMEO here, and scikit-image where it is installed."""
    scan, mask = bench.phantom.acquisition, bench.phantom.mask
    signal = scan.magnitude * np.exp(np.complex64(1j) * scan.phase)
    difference = signal[-1] * signal[0].conj()
    phase, magnitude = np.angle(difference), np.sqrt(np.abs(difference))
    interval = scan.echo_times[-1] - scan.echo_times[0]
    truth = scan.radians_per_ppm_second * interval * bench.phantom.total_field

    def romeo() -> np.ndarray:
        return unwrap_spatially(phase, mask, weights=edge_weights(phase, magnitude=magnitude))

    ways: dict[str, Callable[[], np.ndarray]] = {"ROMEO, this core": romeo}
    try:
        from skimage.restoration import unwrap_phase
    except ImportError:
        yield {"method": "scikit-image unwrap_phase", "note": "not installed: see Testing/benchmarks/requirements.txt"}
    else:
        ways["scikit-image unwrap_phase"] = lambda: np.asarray(unwrap_phase(np.ma.array(phase, mask=~mask)))
    for name, unwrap in ways.items():
        began = time.perf_counter()
        found = unwrap()
        seconds = time.perf_counter() - began
        turns = np.rint((found - truth)[mask] / (2 * np.pi))
        wrong = float(np.mean(turns != np.median(turns)))
        yield {
            "method": name, "s": seconds, "time in FFT pairs": seconds / bench.pair_seconds,
            "voxels with wrong turns %": 100 * wrong,
        }  # fmt: skip


def agreement(susceptibility: np.ndarray, phantom: Phantom) -> dict:
    """Scores of a map against the truth inside the brain, as cells of a table."""
    scores = score(susceptibility, phantom.susceptibility, phantom.mask, phantom.labels, LABELS)
    regional, parts, lesions = scores["regional"], scores["compartments"], {}
    for lesion in ("calcification", "hemorrhage"):
        if lesion in scores:
            lesions[f"{lesion} ppm voxels"] = scores[lesion]["moment_deviation"]
            lesions[f"{lesion} streak"] = scores[lesion]["streak"]
    return _similarity(scores) | {
        "regional slope": regional["slope"],
        "intercept ppb": 1000 * regional["intercept"],
        "regional error ppb": 1000 * regional["mean_absolute_error"],
        **{f"{name.replace('_', ' ')} NRMSE %": error for name, error in parts.items()},
        **lesions,
    }


def _similarity(scores: dict) -> dict:
    return {
        "coverage %": 100 * scores["coverage"],
        "NRMSE %": scores["nrmse"],
        "detrended NRMSE %": scores["detrended_nrmse"],
        "XSIM": scores["xsim"],
        "HFEN %": scores["hfen"],
        "correlation": scores["correlation"],
    }


def _own_error(stage: str, result: Reconstruction, phantom: Phantom) -> float | None:
    """How far the stage's own result is from its truth: NRMSE of a map, the missing part of Dice of a mask, in %.

    The true R2* leaves out the dephasing within voxels, which grows with their size.
    """
    mask = phantom.mask
    if stage == "mask":
        return 100 - 200 * float((result.mask & mask).sum() / (result.mask.sum() + mask.sum()))
    maps = {
        "field_map": (result.field_map.field, phantom.total_field),
        "background": (result.local_field.field, phantom.local_field),
        "inversion": (result.susceptibility, phantom.susceptibility),
        "r2star": (result.r2star, phantom.r2star),
    }
    return nrmse(*maps[stage], mask) if stage in maps else None


#: Name of the part -> what yields its rows.
SECTIONS: dict[str, Callable[[Bench], Rows]] = {
    "methods": method_rows,
    "isolated": isolated_rows,
    "kernel": kernel_rows,
    "residual": residual_rows,
    "matrix": matrix_rows,
    "scenarios": scenario_rows,
    "robustness": robustness_rows,
    "preview": preview_rows,
    "pipeline": pipeline_rows,
    "unwrapping": unwrapping_rows,
}
