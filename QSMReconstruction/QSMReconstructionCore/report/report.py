"""The content of a report."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from .. import __version__
from ..acquisition import Acquisition
from ..io.provenance import provenance_of
from ..quality.verdict import Verdict
from ..reconstruction import Reconstruction
from .methods_text import methods_paragraph
from .pictures import Picture, stage_pictures
from .references import Reference, cited
from .tables import Row, hardware, processing, sequence, stages_run


@dataclass(frozen=True)
class Report:
    """What a report tells.

    Attributes
    ----------
    title : str
    identity : dict
        Who was scanned, by the name of the tag; empty unless that was asked for.
    verdicts : tuple of Verdict
    notes : tuple of str
        What the user should know about this result, in sentences.
    pictures : list of Picture
    tables : dict
        Caption -> rows.
    methods : str
        A paragraph for a paper.
    references : list of Reference
        To cite.
    provenance : dict
        As `io.provenance.provenance_of`, without the names of files.
    """

    title: str
    identity: dict[str, str]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    pictures: list[Picture]
    tables: dict[str, list[Row]]
    methods: str
    references: list[Reference]
    provenance: dict

    @property
    def bibtex(self) -> str:
        """BibTeX of all publications to cite."""
        return "\n\n".join(reference.bibtex for reference in self.references)

    def as_dict(self) -> dict:
        """The report as plain data for JSON; pictures are PNG files in base 64."""
        return {
            "Title": self.title,
            "GeneratedBy": {"Name": "QSMReconstructionCore", "Version": __version__},
            "Identity": self.identity,
            "Verdicts": [verdict.as_dict() for verdict in self.verdicts],
            "Notes": list(self.notes),
            "Tables": {caption: [asdict(row) for row in rows] for caption, rows in self.tables.items()},
            "Methods": self.methods,
            "References": [asdict(reference) for reference in self.references],
            "BibTeX": self.bibtex,
            "Provenance": self.provenance,
            "Pictures": [
                {"Title": picture.title, "Unit": picture.unit, "Window": list(picture.window),
                 "PNG": base64.b64encode(picture.png).decode("ascii")}
                for picture in self.pictures
            ],
        }  # fmt: skip


def report_of(
    reconstruction: Reconstruction,
    acquisition: Acquisition,
    *,
    title: str = "Susceptibility map",
    identity: Mapping[str, str] | None = None,
    given_mask: bool = False,
) -> Report:
    """What there is to tell about a reconstruction.

    Parameters
    ----------
    reconstruction : Reconstruction
    acquisition : Acquisition
        What it was reconstructed from.
    title : str
        Names the scan, such as the label of a BIDS subject; never a person.
    identity : mapping of str to str, optional
        Who was scanned, only if the user asks for it.
    given_mask : bool
        Whether the brain mask was given instead of found by the recipe.
    """
    run = stages_run(reconstruction, given_mask=given_mask)
    skipped = tuple(stage for stage in reconstruction.recipe.stages if stage not in run)
    provenance = provenance_of(reconstruction, acquisition)
    del provenance["InputFiles"]  # names of files may hold names of people
    return Report(
        title,
        dict(identity or {}),
        reconstruction.verdicts,
        reconstruction.notes,
        stage_pictures(reconstruction, acquisition),
        {
            "Hardware (Table 3)": hardware(acquisition),
            "Sequence (Table 4)": sequence(acquisition),
            "Processing (Table 5)": processing(reconstruction, given_mask=given_mask),
        },
        methods_paragraph(reconstruction, acquisition, given_mask=given_mask),
        cited(reconstruction.recipe, skipped),
        provenance,
    )
