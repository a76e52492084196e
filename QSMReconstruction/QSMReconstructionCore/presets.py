"""Recipes by name: which one suits which scan, and why it is as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Stages = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Preset:
    """A named recipe.

    Attributes
    ----------
    title : str
        What users read.
    purpose : str
        When to use it, in a sentence.
    stages : dict
        Stage -> {"method": name, parameter: value, ...}; parameters that are left out have their defaults.
    """

    title: str
    purpose: str
    stages: Stages


_DEFAULT: Stages = {
    "mask": {"method": "brain_extraction"},
    "support": {"method": "surroundings"},
    "field_map": {"method": "romeo_linear"},
    "passes": {"method": "one_pass"},
    "background": {"method": "vsharp"},
    "inversion": {"method": "weighted_tv"},
    "reference": {"method": "whole_brain"},
    "r2star": {"method": "arlo"},
}

#: The settings of the example that goes with the consensus recommendations (10.1002/mrm.30006), at 1 mm, where its
#: voxels are millimetres: extraction at 0.5 and one voxel off; echoes unwrapped by ROMEO from a template after
#: MCPC-3D-S, voxels with a relative residual of 0.3 without weight; V-SHARP from 12 to 1 mm without more; FANSI with
#: alpha = 5e-4 on a field in rad at the last echo (29 ms at 3 T), the gradient weighted along each axis, a weak
#: harmonic field of beta = 150, at most 400 iterations to 0.1 %; the mean of the brain. Penalties such as mu1 = 0.05
#: set the speed alone, so the solver chooses its own.
_CONSENSUS: Stages = {
    "mask": {"method": "brain_extraction", "fractional_intensity": 0.5, "erosion": 1.0},
    "support": {"method": "surroundings", "margin": 0.0},
    "field_map": {"method": "echo_average", "unwrapping": "template", "largest_residual": 0.3},
    "background": {
        "method": "vsharp", "largest_radius": 12.0, "smallest_radius": 1.0, "radius_step": 1.0, "threshold": 0.05,
    },
    "inversion": {
        "method": "weak_harmonic_tv", "weighting": "median", "edges": "weights", "phase_scale": 23.3,
        "regularization": 5e-4, "harmonicity": 150**0.5, "model_error": 1e-5, "tolerance": 0.001, "max_iterations": 400,
    },
    "reference": {"method": "whole_brain"},
}  # fmt: skip

PRESETS: dict[str, Preset] = {
    "default": Preset(
        "Default",
        "Multi-echo brain scans: noise-weighted at every stage, the map to measure on.",
        _DEFAULT,
    ),
    "consensus": Preset(
        "Consensus recommendations",
        "To compare with studies that follow the consensus recommendations of 2024 to the letter; at 1 mm.",
        {**_DEFAULT, **_CONSENSUS},
    ),
    "preview": Preset(
        "Quick preview",
        "A quick look in seconds, with streaks and less contrast; not for measurements.",
        {
            **_DEFAULT,
            "background": {"method": "vsharp", "smallest_radius": 3.0, "radius_step": 3.0},
            "inversion": {"method": "tkd"},
        },
    ),
    # From raw phase of the head phantom (3 T, SNR 100), total field inversion is nearer to the truth than single-step
    # total generalized variation: 38 against 61 % at 3 mm, 37 against 44 % at 2 mm with the mask that is found there,
    # 23 against 32 % at 1.5 mm. It takes two and a half times as long.
    "single_step": Preset(
        "Single step",
        "A check on the default by other means: one fit explains the total field with its background, in minutes.",
        {**_DEFAULT, "background": {"method": "no_removal"}, "inversion": {"method": "tfi"}},
    ),
    # With one echo the coils' phase stays in the field: smooth, not harmonic, and unknown to the noise map. A larger
    # error of the model allows for it: the error of the head phantom (3 mm, 3 T) falls from 57 to 45 % at 12 ms and SNR
    # 60, and from 44 to 41 % at 20 ms and SNR 40. Inverted with a weak harmonic field, it is 58 % at both.
    "clinical_single_echo": Preset(
        "Single echo",
        "Scans with one echo, such as those made for susceptibility-weighted imaging.",
        {**_DEFAULT, "inversion": {"method": "weighted_tv", "model_error": 0.006}},
    ),
    # Around a clot the field is strong and signal dephases; the model fails by more than noise. With a
    # larger error of the model than by default, the map of the head phantom with a hemorrhage (3 mm, 3 T) is better:
    # 16.7 instead of 18.7 % with echoes up to 15 ms, 33 instead of 44 % with the usual ones.
    "high_contrast": Preset(
        "High contrast",
        "Hemorrhages, microbleeds and calcifications: strong sources without signal of their own, with fewer streaks.",
        {**_DEFAULT, "inversion": {"method": "weighted_tv", "model_error": 0.003}},
    ),
}
