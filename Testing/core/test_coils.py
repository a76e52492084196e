"""Single coils are combined to one scan with the field that all of them saw."""

from __future__ import annotations

import numpy as np
import pytest
from field_scene import SHAPE, SPACING, TIMES, error, head_mask, places, smooth_field

from QSMReconstructionCore import Acquisition, combine_coils
from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.fieldmapping.romeo_linear import romeo_linear
from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMReconstructionCore.io.params import read_params
from QSMReconstructionCore.io.scan import read_scan
from QSMReconstructionCore.numerics.romeo_weights import wrapped
from QSMReconstructionCore.progress import Cancelled

GRID = Grid(SHAPE, SPACING)
OMEGA = 2 * np.pi * GAMMA_BAR * 3
RATE = 25.0


def sensitivities(count=8, constants=True):
    """Smooth complex sensitivities of coils around the head, with phases of their own."""
    random = np.random.default_rng(3)
    k, j, i = places()
    found = []
    for coil in range(count):
        angle = 2 * np.pi * coil / count
        near = np.exp(-((j - 45 * np.cos(angle)) ** 2 + (i - 45 * np.sin(angle)) ** 2 + (k - 10) ** 2) / (2 * 45**2))
        turn = random.uniform(-np.pi, np.pi) * constants
        slopes = random.uniform(-0.03, 0.03, 3)
        phase = turn + slopes[0] * k + slopes[1] * j + slopes[2] * i + random.uniform(-3e-4, 3e-4) * j * i
        found.append(near * np.exp(1j * phase))
    return np.stack(found)


def coil_images(sensitivity, *, times=TIMES, noise=0.0, field=None, odd_even=0.0):
    field = smooth_field() if field is None else field
    random = np.random.default_rng(1)
    images = []
    for e, t in enumerate(times):
        signal = np.exp(-RATE * t + 1j * OMEGA * t * field + 1j * odd_even * (-1) ** e) * head_mask()
        images.append(sensitivity * signal)
    images = np.stack(images, axis=1)
    images += noise * (random.normal(size=images.shape) + 1j * random.normal(size=images.shape))
    return np.abs(images).astype(np.float32), np.angle(images).astype(np.float32)


def combined(images, times=TIMES, **options):
    return Acquisition(*combine_coils(*images, times, GRID, **options), times, 3.0, GRID)


@pytest.mark.parametrize("times", [TIMES, (0.005, 0.010, 0.015), (0.004, 0.010)])
def test_the_field_is_exact_whatever_the_offsets(times):
    # The second echo times need no unwrapping: the first echo is a whole multiple of the spacing.
    field, mask = smooth_field(), head_mask()
    scan = combined(coil_images(sensitivities(), times=times), times)
    found = romeo_linear(scan, mask, phase_offset="free")
    off = (found.field - field)[mask]
    turn = 1 / (np.diff(times).min() * GAMMA_BAR * 3)
    off -= turn * np.rint(np.median(off) / turn)
    assert np.abs(off).max() < 1e-3


def test_the_magnitude_is_nearly_that_of_the_root_sum_of_squares():
    sensitivity, mask = sensitivities(), head_mask()
    scan = combined(coil_images(sensitivity))
    ideal = np.sqrt((np.abs(sensitivity) ** 2).sum(axis=0))[mask]
    for magnitude, t in zip(scan.magnitude, TIMES):
        share = magnitude[mask] / (ideal * np.exp(-RATE * t))
        assert share.max() < 1 + 1e-4
        assert np.median(share) > 0.99 and np.percentile(share, 1) > 0.9


def test_the_noise_is_that_of_a_matched_filter():
    sensitivity, mask = sensitivities(), head_mask()
    noise = 0.02
    scan = combined(coil_images(sensitivity, noise=noise))
    found = romeo_linear(scan, mask, phase_offset="free")
    t, weight = np.array(TIMES), np.exp(-2 * RATE * np.array(TIMES))
    spread = np.sum(weight * (t - np.sum(weight * t) / weight.sum()) ** 2)
    ideal = noise / np.sqrt((np.abs(sensitivity) ** 2).sum(axis=0) * spread) / OMEGA
    z = error(found, smooth_field(), mask) / ideal[mask]
    assert 1.0 <= np.std(z) < 1.05
    # Without regard to the phases of the coils, signal is lost.
    plain = np.abs((coil_images(sensitivity)[0] * np.exp(1j * coil_images(sensitivity)[1])).sum(axis=0))
    assert np.percentile(plain[0][mask] / scan.magnitude[0][mask], 10) < 0.8


def test_the_phase_has_no_poles():
    scan = combined(coil_images(sensitivities(12), noise=0.005))
    mask = head_mask()
    phase = scan.phase[0]
    # Around every square of four voxels inside the head the steps sum to zero.
    for a, b in ((0, 1), (0, 2), (1, 2)):
        corners = [np.moveaxis(phase, (a, b), (0, 1))[x, y] for x, y in
                   ((slice(None, -1), slice(None, -1)), (slice(1, None), slice(None, -1)),
                    (slice(1, None), slice(1, None)), (slice(None, -1), slice(1, None)))]  # fmt: skip
        inside = np.moveaxis(mask, (a, b), (0, 1))
        inside = inside[:-1, :-1] & inside[1:, :-1] & inside[1:, 1:] & inside[:-1, 1:]
        around = sum(wrapped(corners[n] - corners[n - 1]) for n in range(4))
        assert not np.rint(around / (2 * np.pi))[inside].any()


def test_bipolar_echoes_keep_their_odd_even_phase_to_be_corrected_later():
    beta = 0.3 + 0.02 * places()[2]
    field, mask = smooth_field(), head_mask()
    scan = combined(coil_images(sensitivities(), odd_even=beta))
    found = romeo_linear(scan, mask)
    assert any("Odd and even echoes" in note for note in found.notes)
    assert np.percentile(np.abs(error(found, field, mask)), 99) < 5e-3


def test_coils_may_be_given_one_by_one_and_their_order_does_not_matter():
    magnitude, phase = coil_images(sensitivities(), noise=0.01)
    whole = combine_coils(magnitude, phase, TIMES, GRID)
    parts = combine_coils(list(magnitude[::-1]), list(phase[::-1]), TIMES, GRID)
    np.testing.assert_allclose(whole[0], parts[0], atol=1e-4)
    different = wrapped(whole[1] - parts[1])[:, head_mask()]
    assert np.abs(different).max() < 1e-2


def test_images_on_disk_are_read_coil_by_coil(tmp_path):
    magnitude, phase = coil_images(sensitivities(4))
    for name, images in (("magnitude", magnitude), ("phase", phase)):
        np.save(tmp_path / f"{name}.npy", images)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("magnitude", "phase")]
    for found, expected in zip(combine_coils(*mapped, TIMES, GRID), combine_coils(magnitude, phase, TIMES, GRID)):
        np.testing.assert_array_equal(found, expected)


def test_a_single_coil_keeps_its_field():
    scan = combined(coil_images(sensitivities(1)))
    found = romeo_linear(scan, head_mask(), phase_offset="free")
    assert np.abs(error(found, smooth_field(), head_mask())).max() < 1e-3


@pytest.mark.parametrize("change, message", [
    (lambda m, p: (m[:3], p, TIMES), "must hold the same coils, but magnitude has 3 and phase 4"),
    (lambda m, p: (m, p, TIMES[:1]), "echo_times must be at least two"),
    (lambda m, p: (m, p, TIMES[:3]), r"magnitude of coil 1 must have the shape \(3, 30, 28, 31\)"),
    (lambda m, p: (m[:, :, 1:], p, TIMES), "magnitude of coil 1 must have the shape"),
    (lambda m, p: (m * 0, p, TIMES), "no signal in its first two echoes"),
    (lambda m, p: (m, np.where(np.arange(4)[:, None, None, None, None] == 2, np.nan, p), TIMES),
     "phase of coil 3, echo 1, has values that are not finite"),
])  # fmt: skip
def test_what_cannot_be_combined_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        combine_coils(*change(*coil_images(sensitivities(4))), GRID)
    with pytest.raises(ValueError, match="smoothing must be a positive width"):
        combine_coils(*coil_images(sensitivities(4)), TIMES, GRID, smoothing=0)


def test_progress_rises_and_cancelling_stops():
    images, reports = coil_images(sensitivities(4)), []
    combine_coils(*images, TIMES, GRID, progress=lambda f, m: reports.append(f))
    assert reports == sorted(reports) and reports[-1] == 1.0 and len(reports) > 20

    def cancel(fraction, message):
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        combine_coils(*images, TIMES, GRID, progress=cancel)


@pytest.fixture
def files(tmp_path):
    """Phase and magnitude of four coils, a file for each, and the options that name them."""
    magnitude, phase = coil_images(sensitivities(4), noise=0.01)
    options = {"--phase": [], "--magnitude": []}
    for coil in range(4):
        for name, values in (("phase", phase), ("magnitude", magnitude)):
            options[f"--{name}"].append(str(tmp_path / f"{name}{coil}.nii"))
            write_nifti(options[f"--{name}"][-1], values[coil], GRID)
    return options, (magnitude, phase)


def command(out, options, *more):
    return main(["combine", str(out), *(text for name, paths in options.items() for text in (name, *paths)),
                 "--echo-times", *map(str, TIMES), "--field-strength", "3", "--progress", "none", *more])  # fmt: skip


def test_the_command_writes_a_scan_that_can_be_read_again(tmp_path, files):
    options, images = files
    assert command(tmp_path / "out", options) == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["magnitude.nii.gz", "params.json", "phase.nii.gz"]
    scan = read_scan([out / "phase.nii.gz"], [out / "magnitude.nii.gz"], params=read_params(out / "params.json"))
    magnitude, phase = combine_coils(*images, TIMES, GRID)
    np.testing.assert_allclose(scan.magnitude, magnitude, atol=1e-4)
    assert np.abs(wrapped(scan.phase - phase))[:, head_mask()].max() < 1e-3
    assert scan.echo_times == TIMES and scan.field_strength == 3.0


def test_the_command_refuses_coils_that_do_not_belong_together(tmp_path, files, capsys):
    options, (magnitude, _) = files
    with pytest.raises(SystemExit) as left:
        command(tmp_path / "out", {**options, "--magnitude": options["--magnitude"][:3]})
    assert left.value.code == 2
    assert "--phase names 4 coils, but --magnitude 3" in capsys.readouterr().err
    for part, values in (("phase", coil_images(sensitivities(4))[1]), ("magnitude", magnitude)):
        write_nifti(options[f"--{part}"][2], values[2], Grid(SHAPE, SPACING, origin=(0.0, 7.0, 0.0)))
    assert command(tmp_path / "out", options) == 1
    assert "phase2.nii lies elsewhere in the scanner than" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
