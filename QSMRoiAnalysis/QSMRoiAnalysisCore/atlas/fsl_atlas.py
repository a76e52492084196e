"""Atlases as FSL describes them: an XML file with names, and images beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree


@dataclass(frozen=True)
class FslAtlas:
    """What an XML file says.

    Attributes
    ----------
    name : str
    names : dict of int to str
        Label value -> region, as the images hold them.
    labels : Path or None
        Image of label values.
    probabilities : Path or None
        Four-dimensional image in percent, its volumes in the order of the names.
    """

    name: str
    names: dict[int, str]
    labels: Path | None
    probabilities: Path | None


def read_fsl_atlas(path: Path) -> FslAtlas:
    """Read the XML file of an atlas, and find its images: of those named, the ones of the finest voxels that are there.

    Parameters
    ----------
    path : path
        The XML file. Names of images in it begin at its folder and lack their ending.

    Raises
    ------
    ValueError
        If it is no such file, names no region, or none of its images is there.

    Notes
    -----
    Regions are counted from 0. Images of labels of a probabilistic atlas count from 1, so that 0 is left for nothing;
    those of an atlas that has labels alone hold the counts themselves. See
    https://fsl.fmrib.ox.ac.uk/fsl/docs/#/other/atlases-old
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError(f"{path.name} defines entities, which no atlas of FSL does. It was not read.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path.name} is no XML file: {error}.") from None
    labels = [(label.get("index", ""), " ".join((label.text or "").split())) for label in root.iter("label")]
    if root.tag != "atlas" or not labels or not all(index.isdigit() and name for index, name in labels):
        raise ValueError(f"{path.name} describes no atlas of FSL: it needs <label> with an index and a name.")
    probabilistic = (root.findtext("header/type") or "").strip().lower().startswith("prob")
    first = 1 if probabilistic else 0
    names = {int(index) + first: name for index, name in labels}
    names.pop(0, None)
    images = [one for one in root.iter("images")]
    return FslAtlas(
        (root.findtext("header/name") or path.stem).strip(),
        names,
        _first_that_is_there(path, [one.findtext("summaryimagefile") for one in images]),
        _first_that_is_there(path, [one.findtext("imagefile") for one in images]) if probabilistic else None,
    )


def _first_that_is_there(path: Path, names: list[str | None]) -> Path | None:
    found = []
    for name in filter(None, names):
        inside = PurePosixPath(name.strip().lstrip("/"))
        if ".." in inside.parts:
            raise ValueError(f"{path.name} names {name.strip()!r}, which leads out of its folder.")
        found += [file for ending in (".nii.gz", ".nii") if (file := path.parent / f"{inside}{ending}").is_file()]
    # Names of FSL end in the length of voxels, such as -1mm, and list the coarsest first.
    return min(found, key=lambda file: (file.name.rsplit("-", 1)[-1], found.index(file)), default=None)
