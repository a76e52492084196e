"""Each preset does what its name promises."""

from __future__ import annotations

import inversion_scene
import numpy as np
import pytest

from QSMReconstructionCore.acquisition import GAMMA_BAR
from QSMReconstructionCore.commandline import main
from QSMReconstructionCore.inversion.weak_harmonic_tv import weak_harmonic_tv
from QSMReconstructionCore.metrics import correlation, nrmse
from QSMReconstructionCore.phantom import head_phantom
from QSMReconstructionCore.pipeline import reconstruct
from QSMReconstructionCore.presets import PRESETS
from QSMReconstructionCore.recipe import Recipe

COARSE = {"shape": (60, 72, 60), "spacing": (3.0, 3.0, 3.0)}


def error_of(scan, preset):
    """NRMSE in percent within the true brain."""
    result = reconstruct(scan.acquisition, preset, mask=scan.mask)
    return nrmse(result.susceptibility, scan.susceptibility, scan.mask)


def test_the_consensus_preset_has_the_published_settings():
    stages = Recipe.preset("consensus").stages
    assert stages["mask"]["fractional_intensity"] == 0.5 and stages["mask"]["erosion"] == 1
    assert stages["support"]["margin"] == 0
    assert (stages["field_map"]["method"], stages["field_map"]["unwrapping"]) == ("echo_average", "template")
    assert stages["field_map"]["largest_residual"] == 0.3
    vsharp = stages["background"]
    assert (vsharp["largest_radius"], vsharp["smallest_radius"], vsharp["radius_step"]) == (12, 1, 1)
    inversion = stages["inversion"]
    assert (inversion["method"], inversion["regularization"]) == ("weak_harmonic_tv", 5e-4)
    assert (inversion["weighting"], inversion["edges"]) == ("median", "weights")
    assert inversion["phase_scale"] == pytest.approx(2 * np.pi * GAMMA_BAR * 3 * 0.029, rel=0.01)
    assert inversion["harmonicity"] ** 2 == pytest.approx(150)
    assert (inversion["max_iterations"], inversion["tolerance"]) == (400, 0.001)
    assert stages["reference"]["method"] == "whole_brain"


def test_weights_over_their_median_do_not_feel_the_noise_level():
    grid, mask, _, field = inversion_scene.scene()
    random = np.random.default_rng(0)
    weights = np.where(mask, random.uniform(500, 2000, mask.shape), 0).astype(np.float32)
    settings = {"weighting": "median", "model_error": 1e-5, "max_iterations": 60, "tolerance": 1e-4,
                "phase_scale": 16.0, "regularization": 8e-3, "harmonicity": 12.0}
    quiet, noisy = (weak_harmonic_tv(field, mask, grid, weights=w, **settings) for w in (weights, weights / 5))
    assert nrmse(noisy, quiet, mask) < 1
    by_noise = weak_harmonic_tv(
        field, mask, grid, weights=weights, phase_scale=16.0, model_error=1e-5, max_iterations=60, tolerance=1e-4,
        regularization=8e-3 / 16 * np.median(weights[mask]) ** 2, harmonicity=12.0 * np.median(weights[mask]),
    )
    assert nrmse(by_noise, quiet, mask) < 1


def test_the_single_step_preset_removes_no_background_and_finds_the_head():
    stages = Recipe.preset("single_step").stages
    assert stages["background"]["method"] == "no_removal" and stages["inversion"]["method"] == "tfi"
    scan = head_phantom(**COARSE, echo_times=(0.003, 0.008, 0.013))
    result = reconstruct(scan.acquisition, "single_step", mask=scan.mask)
    assert correlation(result.susceptibility, scan.susceptibility, scan.mask) > 0.75


def test_the_single_echo_preset_is_better_for_a_single_echo():
    scan = head_phantom(**COARSE, echo_times=(0.012,), snr=60)
    assert error_of(scan, "clinical_single_echo") < 0.9 * error_of(scan, "default")


def test_the_high_contrast_preset_is_better_for_a_hemorrhage():
    scan = head_phantom(**COARSE, echo_times=(0.003, 0.007, 0.011, 0.015), hemorrhage=True)
    assert error_of(scan, "high_contrast") < error_of(scan, "default")


def test_every_preset_says_on_the_command_line_when_to_use_it(capsys):
    main(["methods"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, preset in PRESETS.items():
        assert f"{name}: {preset.title} {preset.purpose}" in shown
