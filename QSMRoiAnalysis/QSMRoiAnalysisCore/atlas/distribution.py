"""What lies in the folder, archive or Python package in which somebody distributes an atlas."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..cohort import listed
from ..lookup import read_lookup
from .fsl_atlas import FslAtlas, read_fsl_atlas

_IMAGES = (".nii", ".nii.gz")
_LISTS = (".tsv", ".csv", ".txt", ".lut", ".label")
_LICENSES = re.compile(r"(licen[sc]e|copying|copyright)", re.IGNORECASE)
#: Entities of BIDS that an image has and the list of its labels may lack, because it holds for all of them.
_ENTITY = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9+]+)")
#: An archive that unpacks to more than this is no atlas.
_LARGEST = 8 * 2**30


@dataclass(frozen=True)
class Drawn:
    """Regions in an image: labels or probabilities, with their names.

    Attributes
    ----------
    image : Path
        Of labels, or of probabilities in the order of the names.
    names : dict of int to str
    is_probability : bool
    source : Path
        The list or XML file that the names come from.
    """

    image: Path
    names: dict[int, str]
    is_probability: bool
    source: Path


def is_part(source: str | Path) -> bool:
    """Whether a source is an image or an XML file of FSL, whose folder holds what belongs to it."""
    return str(source).lower().endswith((*_IMAGES, ".xml")) and Path(source).is_file()


@contextlib.contextmanager
def opened(source: str | Path) -> Iterator[Path]:
    """The folder of a distribution: a folder as it is, an archive (.zip, .whl) unpacked for the time of the context.

    Parameters
    ----------
    source : path or str
        A folder, an archive, an image or XML file of FSL in a folder, or the name of an installed Python package.

    Raises
    ------
    ValueError
        If there is nothing of this name, or the archive is damaged or far too large.
    """
    path = Path(source)
    if path.is_dir():
        yield path
    elif is_part(source):
        yield path.parent
    elif path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            _unpack(path, Path(folder))
            yield Path(folder)
    elif re.fullmatch(r"\w+", str(source)) and (found := importlib.util.find_spec(str(source))) is not None:
        yield Path(next(iter(found.submodule_search_locations or [str(found.origin)])))
    else:
        raise ValueError(f"There is no folder, archive or installed Python package {str(source)!r}.")


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and _is_wanted(one.filename)]
            if sum(one.file_size for one in members) > _LARGEST:
                raise ValueError(f"{path.name} unpacks to over {_LARGEST >> 30} GiB. Unpack it, and give the folder.")
            for member in members:
                archive.extract(member, folder)  # which keeps to the folder whatever the names are
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path.name} is no archive that can be read (.zip or .whl): {error}.") from None


def _is_wanted(name: str) -> bool:
    lower = PurePosixPath(name).name.lower()
    return lower.endswith((*_IMAGES, *_LISTS, ".xml", ".json")) or bool(_LICENSES.search(lower))


def license_files(folder: Path) -> list[Path]:
    """Files that seem to state a license: of the atlas, or of the software that it lies in."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and _LICENSES.search(path.name))


def find_drawn(folder: Path, labels: str = "", lookup: str = "") -> Drawn:
    """The image of regions in a folder, with the names of its labels.

    Parameters
    ----------
    folder : path
    labels : str
        Name, or end of the path, of the image or of the XML file of FSL, where there are several.
    lookup : str
        Name, or end of the path, of the list that names its labels; by default the one that belongs to the image by its
        name, or the only one in its folder.

    Raises
    ------
    ValueError
        If there is none, or several and none was chosen; the message lists them.
    """
    everything = sorted(path for path in folder.rglob("*") if path.is_file())
    descriptions = [path for path in everything if path.suffix.lower() == ".xml" and _ends(path, labels)]
    if descriptions and not lookup:
        path = _only(descriptions, folder, "descriptions of FSL", "--labels")
        return _of_fsl(path, read_fsl_atlas(path))
    images = [path for path in everything if path.name.lower().endswith(_IMAGES)]
    lists = [path for path in everything if path.name.lower().endswith(_LISTS) and _ends(path, lookup)]
    named = {image: own for image in images if _ends(image, labels) and (own := _list_of(image, lists, bool(lookup)))}
    if labels and not any(_ends(image, labels) for image in images):
        raise ValueError(f"No image is called {labels!r}; there are {_shown(images, folder)}.")
    if not named:
        raise ValueError(
            f"No list of names belongs to an image by its name. Images are {_shown(images, folder)}, lists "
            f"{_shown(lists, folder)}. Name them with --labels and --lookup."
        )
    image = _only(list(named), folder, "images with names of regions", "--labels")
    return Drawn(image, read_lookup(named[image]), _stem(image).endswith("probseg"), named[image])


def _of_fsl(path: Path, described: FslAtlas) -> Drawn:
    image = described.labels or described.probabilities
    if image is None:
        raise ValueError(f"{path.name} names images that are not there. Give the folder with all files of the atlas.")
    return Drawn(image, described.names, described.labels is None, path)


def _list_of(image: Path, lists: list[Path], chosen: bool) -> Path | None:
    if chosen:
        return lists[0] if lists else None
    stem, beside = _stem(image), [path for path in lists if path.parent == image.parent]
    if own := [path for path in beside if path.stem in (stem, f"{stem}_lookup", f"{stem}_labels", f"{stem}_LUT")]:
        return own[0]
    kind = stem.rpartition("_")[2]
    for path in beside:  # the inheritance of BIDS
        if path.stem.rpartition("_")[2] == kind and set(_ENTITY.findall(path.stem)) <= set(_ENTITY.findall(stem)):
            return path
    readable = [path for path in beside if _is_lookup(path)]
    images = [path for path in image.parent.iterdir() if path.name.lower().endswith(_IMAGES)]
    return readable[0] if len(readable) == 1 and len(images) == 1 else None


def _is_lookup(path: Path) -> bool:
    try:
        return bool(read_lookup(path))
    except ValueError:
        return False


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _ends(path: Path, end: str) -> bool:
    return not end or path.as_posix().endswith(f"/{end}") or _stem(path) == end


def _only(paths: list[Path], folder: Path, what: str, option: str) -> Path:
    if len(paths) > 1:
        raise ValueError(f"There are several {what}: {_shown(paths, folder)}. Choose one with {option}.")
    return paths[0]


def _shown(paths: list[Path], folder: Path) -> str:
    return listed([path.relative_to(folder).as_posix() for path in paths]) or "none"
