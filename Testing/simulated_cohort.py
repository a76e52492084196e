"""Cohorts with a known truth, written as the tables that a study has, for any protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from QSMRoiAnalysisCore.lesion_table import LesionRow
from QSMRoiAnalysisCore.measures import Measurement, row_type
from QSMRoiAnalysisCore.motor_cortex import MotorCortexRow
from QSMRoiAnalysisCore.protocols import Protocol
from QSMRoiAnalysisCore.table import write_table

#: Spread of subjects and of repeated measurements, in ppb.
SUBJECT_SD, NOISE_SD = 10.0, 3.0


@dataclass(frozen=True)
class Truth:
    """What a simulated cohort is made with, in ppb: by region for groups that are no controls, and per year.

    `sites` holds what each site adds to every region; pairs of subjects alternate between the sites within
    groups, so that sites tell nothing about sex.
    """

    difference: Mapping[str, float] = field(default_factory=dict)
    annual_change: float = 0.0
    annual_difference: float = 0.0
    sites: Mapping[str, float] = field(default_factory=dict)


def write_study(
    folder: Path,
    protocol: Protocol,
    *,
    per_group: int = 20,
    truth: Truth | None = None,
    visits: int | None = None,
    seed: int = 0,
) -> list[str]:
    """Write all tables that a protocol takes.

    Returns
    -------
    list of str
        The command and its arguments that run the protocol on them, but for `--out`.
    """
    truth, random = truth or Truth(), np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    if protocol.rows == "studies":
        return ["cohort", "--protocol", protocol.name, "--studies", str(_write_studies(folder, protocol, random))]
    groups = [group.label for group in protocol.groups] or [""]
    people = [(f"sub-{g:02d}{i:02d}", group, i) for g, group in enumerate(groups) for i in range(per_group)]
    longitudinal = protocol.design == "longitudinal"
    visits = visits or (4 if longitudinal else 1)
    controls = protocol.labels_of("control")
    columns = ["participant_id", "group", "age", "sex", "more_affected_side", *(("site",) if truth.sites else ())]
    if protocol.rows == "lesions" and protocol.group_column == "rim":
        groups = [""]
    others = [name for name in protocol.variables if name not in (*columns, "cap", "rim", "enhancing", "stage")]
    sites = list(truth.sites)
    lines, sessions = ["\t".join([*columns, *others])], ["participant_id\tsession_id\ttime_years\tcognition"]
    ages = {}
    lesions: list[LesionRow] = []
    for subject, group, i in people:
        age, site = round(random.uniform(45, 75), 1), sites[i // 2 % len(sites)] if sites else ""
        ages[subject] = age
        known = {
            "participant_id": subject, "group": group or "n/a", "age": age, "sex": "MF"[i % 2],
            "more_affected_side": ("left", "right")[i % 3 > 0], "site": site,
        }  # fmt: skip
        cells = [known[name] for name in columns] + [_cell(protocol, name, i, random) for name in others]
        lines.append("\t".join(map(str, cells)))
        own = dict.fromkeys((c.name for c in protocol.regions), 0.0)
        own = {name: random.normal(0, SUBJECT_SD) for name in own}
        case = group != "" and group not in controls
        for visit in range(visits):
            session = f"{visit + 1}" if longitudinal else ""
            years = visit * 0.5
            sessions.append(f"{subject}\t{session}\t{years}\t{30 - years + random.normal():.3f}")
            shift = truth.sites.get(site, 0.0) + truth.annual_change * years + truth.annual_difference * years * case
            level = {name: 100 + value + shift + truth.difference.get(name, 0.0) * case for name, value in own.items()}
            if protocol.rows == "lesions":
                lesions += _lesions(subject, session, years, shift, group, i, random)
            elif protocol.rows == "regions":
                name = f"{subject}_ses-{session}" if session else subject
                _write_regions(folder / "tables" / f"{name}.tsv", protocol, level, random)
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = "longitudinal" if longitudinal else "cohort"
    found = [command, "--protocol", protocol.name, "--participants", str(folder / "participants.tsv")]
    if protocol.rows == "lesions":
        (folder / "tables").mkdir(exist_ok=True)
        write_table(folder / "tables" / "lesions.tsv", lesions)
    if protocol.rows != "participants":
        found += ["--tables", str(folder / "tables")]
    if longitudinal and protocol.rows == "regions":
        (folder / "sessions.tsv").write_text("\n".join(sessions) + "\n", encoding="utf-8")
        found += ["--sessions", str(folder / "sessions.tsv")]
    return found


def _cell(protocol: Protocol, name: str, i: int, random: np.random.Generator) -> str:
    variable = protocol.variables[name]
    if name == "cag":
        return str(random.integers(40, 48))
    if variable.kind == "label":
        return ("positive", "negative")[random.integers(2)]
    if name.endswith("_count") or name == "relapses":
        return str(random.poisson(2))
    return f"{random.normal(20, 5):.4f}"


def _write_regions(path: Path, protocol: Protocol, level: Mapping[str, float], random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [choice.name for choice in protocol.regions]
    names += [choice.minus for choice in protocol.regions if choice.minus and choice.minus not in names]
    sides = {choice.name: [""] if choice.sides == "none" else ["left", "right"] for choice in protocol.regions}
    motor = [name for name in protocol.measures if name in MotorCortexRow.__dataclass_fields__]
    if motor and any(name not in Measurement.__dataclass_fields__ for name in motor) and "skewness" not in motor:
        write_table(path, [_motor_cortex(name, side, level[name], random) for name in names for side in sides[name]])
        return
    maps = [name.removeprefix("mean_of_") for name in protocol.measures if name.startswith("mean_of_")]
    extra = tuple(
        name for name in protocol.measures
        if name not in Measurement.__dataclass_fields__ and not name.startswith("mean_of_")
    )  # fmt: skip
    rows = []
    for name in dict.fromkeys(names):
        for side in sides.get(name, ["left", "right"]):
            mean = level.get(name, 80.0) + random.normal(0, NOISE_SD)
            rows.append(_row(extra, name, side, mean, "ppb", "chimap", random))
            rows += [_row(extra, name, side, random.normal(30, 3), "1/s", one, random) for one in maps]
    write_table(path, rows)


def _row(extra, name: str, side: str, mean: float, unit: str, of: str, random: np.random.Generator) -> Measurement:
    more = {one: _measure(one, mean, random) for one in extra}
    return row_type(extra)(
        name, side, 1, 200, float(random.normal(800, 80)), mean, float(random.normal(20, 2)), mean, mean - 30,
        mean - 12, mean + 12, mean + 30, 1.0, "whole brain", 0.0, 10.0, unit, of, **more,
    )


def _measure(name: str, mean: float, random: np.random.Generator) -> float:
    if name.startswith("fraction"):
        return float(np.clip(random.normal(0.1, 0.03), 0, 1))
    if name in ("skewness", "kurtosis"):
        return float(random.normal(0, 0.3))
    return float(mean + random.normal(0, NOISE_SD))


def _motor_cortex(name: str, side: str, mean: float, random: np.random.Generator) -> MotorCortexRow:
    values = random.normal(mean, NOISE_SD, 5)
    return MotorCortexRow(
        region=name, side=side, voxels=200, mean=values[0], sd=20.0, skewness=0.1, coverage=1.0, hand_low_mm=40.0,
        hand_high_mm=60.0, hand_voxels=50, hand_mean=values[1], hand_maximum=values[2] + 20, adjacent_voxels=80,
        adjacent_mean=values[4] - 60, relative_mean=values[3] - 60, relative_maximum=values[4] - 40,
        reference="whole brain", unit="ppb", map="chimap",
    )


def _lesions(subject, session, years, shift, group, i, random) -> list[LesionRow]:
    rows = []
    for lesion in (1, 2, 3):
        rim = group if group in ("yes", "no") else ("yes", "no")[(i + lesion) % 2]
        base = 20 + 5 * lesion + 10 * (rim == "yes") + shift
        values = base + random.normal(0, NOISE_SD, 4)
        volume = float(random.normal(80, 8))
        rows.append(
            LesionRow(
                subject=subject, visit=session or "1", time_years=years, lesion=lesion, label=lesion, status="baseline",
                overlap=float("nan"), also_overlaps="", r_mm=0.0, a_mm=0.0, s_mm=0.0, voxels=80, volume_mm3=volume,
                coverage=1.0, mean=values[0], sd=5.0 + random.normal(0, 0.5), rim_mean=values[1] + 10,
                rim_volume_mm3=volume / 2, core_mean=values[2] - 5, core_volume_mm3=volume / 2,
                peri_mean=values[3] - 20, nawm_mean=-20.0, rim_slices=int(random.integers(1, 5)), rim_candidate=rim,
                reference="white matter", unit="ppb", map="chimap", rim=rim, rater="one",
                enhancing=("nodular", "shell")[lesion % 2], location="periventricular",
            )
        )
    return rows


def _write_studies(folder: Path, protocol: Protocol, random: np.random.Generator) -> Path:
    lines = ["study\tregion\tmean1\tsd1\tn1\tmean2\tsd2\tn2\tage"]
    for choice in protocol.regions:
        for i in range(8):
            means = random.normal((110, 100), 3)
            cells = (f"Study {i}", choice.name, f"{means[0]:.2f}", 12, 20 + i, f"{means[1]:.2f}", 11, 18 + i, 50 + i)
            lines.append("\t".join(map(str, cells)))
    path = folder / "studies.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
