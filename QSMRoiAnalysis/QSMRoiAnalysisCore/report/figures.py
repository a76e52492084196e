"""Figures on pages: how their kinds are called, and pictures with captions."""

from __future__ import annotations

import re

from QSMReconstructionCore.report.page import image, text

from ..figure_data import Figure

#: What figures are called in the plural.
KINDS = {
    "violin": "Values by group", "scatter": "Relations", "norm": "Against the norm of the age",
    "roc": "ROC curves", "forest": "Effects",
    "trajectory": "Change over visits", "heat_map": "Coefficients", "bland_altman": "Agreement",
}  # fmt: skip


def framed_figure(figure: Figure, png: bytes) -> str:
    """A figure as HTML: the picture, and below it title and caption."""
    title, caption = text(figure.title), text(figure.caption)
    picture = image(png, f"{KINDS.get(figure.kind, figure.kind)}: {figure.title}. {figure.caption}", "chart")
    return f"<figure>{picture}<figcaption><strong>{title}.</strong> {caption}</figcaption></figure>"


def file_name(figure: Figure, number: int) -> str:
    """A name for the picture of a figure that is safe as that of a file, whatever the figure is called."""
    return f"{number:03d}_{re.sub(r'[^a-z0-9]+', '_', figure.name.lower()).strip('_')[:80]}"
