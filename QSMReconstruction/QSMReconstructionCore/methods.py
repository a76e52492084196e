"""The table of contents: every method of every stage, listed once.

Adding a method is adding its file and its line here. A method is named after its function; what a user may set on it
comes from the function's signature (see `parameter`), its description and references from its docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .background import TotalField
from .background.harperella import harperella
from .background.iharperella import iharperella
from .background.ismv import ismv
from .background.lbv import lbv
from .background.no_removal import no_removal
from .background.pdf import pdf
from .background.resharp import resharp
from .background.sharp import sharp
from .background.vsharp import vsharp
from .contrasts.r2star import arlo
from .fieldmapping.echo_average import echo_average
from .fieldmapping.laplacian import laplacian
from .fieldmapping.nonlinear_fit import nonlinear_fit
from .fieldmapping.romeo_linear import romeo_linear
from .inversion.hd_qsm import hd_qsm
from .inversion.ilsqr import ilsqr
from .inversion.l1_qsm import l1_qsm
from .inversion.medi import medi
from .inversion.ndi import ndi
from .inversion.nonlinear_tv import nonlinear_tv
from .inversion.rts import rts
from .inversion.single_step_tgv import single_step_tgv
from .inversion.tfi import tfi
from .inversion.tgv import tgv
from .inversion.tikhonov import tikhonov
from .inversion.tkd import tkd
from .inversion.tsvd import tsvd
from .inversion.weak_harmonic_tv import weak_harmonic_tv
from .inversion.weighted_tikhonov import weighted_tikhonov
from .inversion.weighted_tv import weighted_tv
from .masking.brain_extraction import brain_extraction
from .masking.combined import combined
from .masking.one_pass import one_pass
from .masking.phase_quality import phase_quality
from .masking.robust_threshold import robust_threshold
from .masking.second_derivative import second_derivative
from .masking.surroundings import surroundings
from .masking.two_pass import two_pass
from .parameter import Parameter, parameters_of
from .referencing.csf import csf
from .referencing.no_reference import no_reference
from .referencing.region import region
from .referencing.whole_brain import whole_brain

#: Stages in the order in which data flow, with what each one does.
STAGES = {
    "mask": "Which voxels hold brain",
    "support": "Which voxels around the brain lend their field",
    "field_map": "Total field from the phase of all echoes",
    "passes": "Whether voxels with reliable phase are reconstructed first, by themselves",
    "background": "Local field, freed of sources outside the brain",
    "inversion": "Susceptibility from the local field, or in a single step from the total field",
    "reference": "Which region's mean susceptibility is called zero",
    "r2star": "Effective transverse relaxation rate from the magnitude",
}

#: Every method by what it is called in the field; its name in recipes is that of its function.
_LISTED = {
    "mask": {
        "Brain extraction": brain_extraction,
        "Whole head or object": robust_threshold,
        "Coherent phase": phase_quality,
        "Second derivative of the phase": second_derivative,
        "Magnitude and phase combined": combined,
    },
    "support": {"Margin around the brain": surroundings},
    "field_map": {
        "ROMEO, weighted linear fit": romeo_linear,
        "ROMEO, weighted echo average": echo_average,
        "Nonlinear fit to the complex signal": nonlinear_fit,
        "Laplacian unwrapping, linear fit": laplacian,
    },
    "passes": {"One pass": one_pass, "Two passes": two_pass},
    "background": {
        "V-SHARP": vsharp,
        "SHARP": sharp,
        "RESHARP": resharp,
        "iSMV": ismv,
        "PDF": pdf,
        "LBV": lbv,
        "HARPERELLA": harperella,
        "iHARPERELLA": iharperella,
        "None, for single-step inversions": no_removal,
    },
    "inversion": {
        "Weighted total variation": weighted_tv,
        "Thresholded division (TKD)": tkd,
        "Truncated division (TSVD)": tsvd,
        "Tikhonov, closed form": tikhonov,
        "Rapid two-step (RTS)": rts,
        "Nonlinear dipole inversion (NDI)": ndi,
        "Hybrid data fidelity (HD-QSM)": hd_qsm,
        "L1 data fidelity (L1-QSM)": l1_qsm,
        "Nonlinear total variation (FANSI)": nonlinear_tv,
        "Weak harmonic field (WH-QSM)": weak_harmonic_tv,
        "MEDI": medi,
        "iLSQR": ilsqr,
        "Tikhonov, weighted by noise": weighted_tikhonov,
        "Total generalized variation (TGV)": tgv,
        "Total field inversion (TFI)": tfi,
        "Single-step TGV (TGV-QSM)": single_step_tgv,
    },
    "reference": {
        "Whole brain": whole_brain,
        "CSF of the ventricles": csf,
        "Region of a segmentation": region,
        "None": no_reference,
    },
    "r2star": {"ARLO": arlo},
}


@dataclass(frozen=True)
class Method:
    """A method of a stage, described by its own function; its title is what users read."""

    stage: str
    function: Callable[..., Any]
    title: str

    @property
    def name(self) -> str:
        """Name in recipes and on the command line."""
        return self.function.__name__

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What a user may set, by name."""
        return parameters_of(self.function)

    @property
    def works_on_total_field(self) -> bool:
        """Whether the background is still in the field: in what a background method hands on, or an inversion takes.

        The first says so by its return annotation, the second by the name of its first argument.
        """
        signature = inspect.signature(self.function)
        return signature.return_annotation == TotalField.__name__ or next(iter(signature.parameters)) == "total_field"

    @property
    def summary(self) -> str:
        """First sentence of the docstring."""
        return inspect.getdoc(self.function).splitlines()[0]

    @property
    def references(self) -> tuple[str, ...]:
        """DOIs named in the docstring."""
        return tuple(dict.fromkeys(re.findall(r"\b10\.\d{4,9}/[^\s,;]*[^\s,;.)\]]", inspect.getdoc(self.function))))

    def run(self, *data: Any, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Call the function with its data, its parameters, and those of the given keywords that it takes."""
        taken = inspect.signature(self.function).parameters
        return self.function(*data, **{k: v for k, v in given.items() if k in taken}, **parameters)

    def completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """All parameters: the given ones checked, the others at their defaults.

        Raises
        ------
        ValueError
            If a parameter is unknown, out of range or of the wrong type.
        """
        unknown = sorted(set(values) - set(self.parameters))
        if unknown:
            known = ", ".join(self.parameters) or "none"
            raise ValueError(f"{self.stage}.{unknown[0]} is not a parameter of {self.name}. Its parameters: {known}.")
        return {
            name: parameter.checked(values[name], self.stage) if name in values else parameter.default
            for name, parameter in self.parameters.items()
        }


METHODS: dict[str, dict[str, Method]] = {
    stage: {function.__name__: Method(stage, function, title) for title, function in listed.items()}
    for stage, listed in _LISTED.items()
}


def method(stage: str, name: str) -> Method:
    """The method of a stage by its name.

    Raises
    ------
    ValueError
        If there is no such stage or method; the message lists those there are.
    """
    if stage not in METHODS:
        raise ValueError(f"Unknown stage {stage!r}. The stages are {', '.join(METHODS)}.")
    if name not in METHODS[stage]:
        raise ValueError(f"Unknown method {name!r} of stage {stage}. Its methods are {', '.join(METHODS[stage])}.")
    return METHODS[stage][name]
