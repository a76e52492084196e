"""What a publication is to report of a susceptibility map: Tables 3, 4 and 5 of the consensus paper, filled in.

References
----------
QSM Consensus Organization Committee et al., Magn Reson Med 2024, 10.1002/mrm.30006
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from .. import __version__
from ..acquisition import Acquisition
from ..methods import method
from ..parameter import Parameter
from ..pipeline import STAGES_IN_WORDS
from ..reconstruction import Reconstruction
from ..referencing import Reference
from .pictures import world_axes

UNKNOWN = "not in the header"
SOFTWARE = "Quantitative Susceptibility Mapping for 3D Slicer"
ESSENTIAL, RECOMMENDED, IF_USED, MANDATORY = "essential", "recommended", "essential if used", "mandatory"
#: Echo spacings count as one if they differ by less than this, in ms.
_SAME_SPACING = 0.05


@dataclass(frozen=True)
class Row:
    """One item of a table.

    Attributes
    ----------
    item, value : str
    importance : str
        How the consensus paper ranks it.
    source : str
        Where the value was found; empty if it was not.
    """

    item: str
    value: str
    importance: str
    source: str = ""


def hardware(acquisition: Acquisition) -> list[Row]:
    """Table 3: the scanner."""
    told = _Told(acquisition)
    strength = f"{acquisition.field_strength:.4g} T"
    return [
        Row("Field strength", strength, ESSENTIAL, acquisition.sources.get("field_strength", "given")),
        told.row("Vendor", ESSENTIAL, "{Manufacturer}"),
        told.row("Scanner model", RECOMMENDED, "{ManufacturersModelName}"),
        told.row("Software release", RECOMMENDED, "{SoftwareVersions}"),
        told.row("Receive coil", RECOMMENDED, "{ReceiveCoilName}"),
        Row("Gradient system", UNKNOWN, RECOMMENDED),
    ]


def sequence(acquisition: Acquisition) -> list[Row]:
    """Table 4: the sequence."""
    told, grid = _Told(acquisition), acquisition.grid
    field_of_view = _by(n * h for n, h in zip(grid.shape, grid.spacing))
    echoes = acquisition.sources.get("echo_times", "given")
    geometry = acquisition.sources.get("orientation", "header")
    center = acquisition.imaging_frequency
    frequency = f"{center:.6f} MHz" if center else f"{UNKNOWN} ({acquisition.hz_per_ppm:.3f} MHz taken)"
    return [
        told.sequence_type(),
        Row("Echoes, echo times", echo_times_in_words(acquisition), ESSENTIAL, echoes),
        told.row("Repetition time", ESSENTIAL, "{RepetitionTime:.4g} ms", {"RepetitionTime": 1000}),
        Row("Field of view", f"{field_of_view} mm", ESSENTIAL, geometry),
        Row("Matrix of the images", _by(grid.shape), ESSENTIAL, geometry),
        Row("Voxel size", f"{_by(grid.spacing)} mm", ESSENTIAL, geometry),
        told.acceleration(),
        told.row("Trajectory in k-space", IF_USED, "{KSpaceTraversal}"),
        told.row("Partial Fourier", IF_USED, "{PartialFourier}"),
        Row("Partial echo", UNKNOWN, IF_USED),
        Row("Center frequency", frequency, IF_USED, acquisition.sources.get("imaging_frequency", "") if center else ""),
        told.row("Flip angle", RECOMMENDED, "{FlipAngle:g} degrees"),
        told.row("Readout bandwidth", RECOMMENDED, "{PixelBandwidth:.4g} Hz per pixel"),
        told.row("Readout polarity", RECOMMENDED, "{ReadoutPolarity}"),
        told.row("Flow compensation", RECOMMENDED, "{FlowCompensation}"),
        Row("Slice orientation", orientation_in_words(acquisition), RECOMMENDED, geometry),
        told.row("Coverage of k-space", RECOMMENDED, "{PercentSampling:.3g} %"),
        told.row("Acquisition time", RECOMMENDED, "{AcquisitionDuration:.4g} s"),
    ]


def processing(reconstruction: Reconstruction, *, given_mask: bool = False) -> list[Row]:
    """Table 5: the processing.

    Parameters
    ----------
    reconstruction : Reconstruction
    given_mask : bool
        Whether the brain mask was given instead of found by the recipe.
    """
    rows = [Row("Software", f"{SOFTWARE} {__version__}, {datetime.date.today().isoformat()}", MANDATORY, "software")]
    for stage in stages_run(reconstruction, given_mask=given_mask):
        rows.append(Row(STAGES_IN_WORDS[stage], method_in_words(reconstruction, stage), MANDATORY, "recipe"))
    if given_mask:
        rows.insert(1, Row(STAGES_IN_WORDS["mask"], "given by the user", MANDATORY, "user"))
    rows += [
        Row("Reference region", reference_in_words(reconstruction.reference), MANDATORY, "result"),
        Row("Geometric transforms and interpolation", "none: all maps lie on the voxels of the scan", MANDATORY,
            "software"),
        Row("Inclusion and exclusion criteria", "to be stated by the study", MANDATORY),
    ]  # fmt: skip
    return rows


def reference_in_words(reference: Reference) -> str:
    """The reference region, and what the consensus paper asks to report of it."""
    return (
        f"{reference.region}, {reference.voxels} voxels; in the map referred to the whole brain its mean is "
        f"{reference.mean:.4f} ppm and its standard deviation {reference.sd:.4f} ppm"
    )


def stages_run(reconstruction: Reconstruction, *, given_mask: bool = False) -> list[str]:
    """The stages whose method made a part of the result."""
    skipped = {"mask"} if given_mask else set()
    if reconstruction.r2star is None:
        skipped.add("r2star")
    return [stage for stage in reconstruction.recipe.stages if stage not in skipped]


def method_in_words(reconstruction: Reconstruction, stage: str) -> str:
    """The method of a stage with all its parameters, defaults included."""
    chosen = dict(reconstruction.recipe.stages[stage])
    found = method(stage, chosen.pop("method"))
    told = ", ".join(_setting(found.parameters[name], value) for name, value in chosen.items())
    return f"{found.title} ({found.name})" + (f": {told}" if told else "")


def _setting(parameter: Parameter, value: object) -> str:
    """A parameter and its value, as in the middle of a sentence."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, float):
        value = f"{value:g}"
    elif parameter.choices:
        value = _mid_sentence(parameter.choices[value])
    return f"{_mid_sentence(parameter.label)} {value} {parameter.unit}".rstrip()


def _mid_sentence(text: str) -> str:
    abbreviation = not text[1:2].islower()
    return text if abbreviation else text[:1].lower() + text[1:]


def echo_times_in_words(acquisition: Acquisition) -> str:
    """Number of echoes and their times: first, spacing and last where they are evenly spaced."""
    times = [1000 * time for time in acquisition.echo_times]
    if len(times) == 1:
        return f"1 echo at {times[0]:.4g} ms"
    steps = np.diff(times)
    if len(times) > 2 and np.ptp(steps) < _SAME_SPACING:
        return f"{len(times)} echoes, {times[0]:.4g}:{steps.mean():.4g}:{times[-1]:.4g} ms"
    return f"{len(times)} echoes, {', '.join(f'{time:.4g}' for time in times)} ms"


def orientation_in_words(acquisition: Acquisition) -> str:
    """Plane of the slices, and by how much it is turned."""
    grid = acquisition.grid
    axes = world_axes(grid)
    slices = next(world for world, (axis, _) in enumerate(axes) if axis == 0)
    plane = ("sagittal", "coronal", "axial")[slices]
    cosine = min(1.0, abs(float(np.array(grid.direction)[slices, 0])))
    angle = float(np.degrees(np.arccos(cosine)))
    to_field = float(np.degrees(np.arccos(min(1.0, abs(grid.b0_direction[0])))))
    oblique = f", oblique by {angle:.1f} degrees" if angle > 0.1 else ""
    return f"{plane}{oblique}; slice axis {to_field:.1f} degrees from B0"


class _Told:
    """Rows from what the headers tell of the protocol."""

    def __init__(self, acquisition: Acquisition) -> None:
        self.protocol = acquisition.protocol

    def row(self, item: str, importance: str, form: str, factors: dict[str, float] | None = None) -> Row:
        values = {name: value * (factors or {}).get(name, 1) if isinstance(value, float) else value
                  for name, value in self.protocol.items()}  # fmt: skip
        try:
            return Row(item, form.format(**values), importance, "header")
        except (KeyError, ValueError):  # not told, or told as a text where a number belongs
            return Row(item, UNKNOWN, importance)

    def sequence_type(self) -> Row:
        dimension = self.protocol.get("MRAcquisitionType")
        names = str(self.protocol.get("ScanningSequence", "")).upper().split()
        echo_planar = "EP" in names or self.protocol.get("EchoPlanar") == "YES"
        gradient_echo = "GR" in names or self.protocol.get("EchoPlanar") == "NO"
        kind = "echo-planar gradient echo" if echo_planar else "gradient echo" if gradient_echo else ""
        told = " ".join(text for text in (str(dimension or ""), kind) if text)
        return Row("Type of sequence", told or UNKNOWN, ESSENTIAL, "header" if told else "")

    def acceleration(self) -> Row:
        factors = [self.protocol.get(f"ParallelReductionFactor{where}") for where in ("InPlane", "OutOfPlane")]
        if not any(isinstance(factor, (int, float)) for factor in factors):
            return Row("Acceleration", UNKNOWN, ESSENTIAL)
        told = " × ".join(f"{factor:g}" for factor in factors if isinstance(factor, (int, float)))
        technique = self.protocol.get("ParallelAcquisitionTechnique")
        return Row("Acceleration", f"{told} ({technique})" if technique else told, ESSENTIAL, "header")


def _by(lengths) -> str:
    """Three numbers of array order in the order of the image axes."""
    return " × ".join(f"{length:.4g}" for length in tuple(lengths)[::-1])
