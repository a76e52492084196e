"""The publications behind the methods, by DOI, as BibTeX.

A method names its publications by DOI in its docstring; what else there is to cite about them stands here once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..methods import method
from ..recipe import Recipe

#: Cited with every map: the recommendations that the steps follow, and the application.
ALWAYS = ("10.1002/mrm.30006", "10.1016/j.mri.2012.05.001")
_MRM, _NMR, _NEUROIMAGE = "Magnetic Resonance in Medicine", "NMR in Biomedicine", "NeuroImage"


@dataclass(frozen=True)
class Reference:
    """A publication. What is not known is empty.

    Attributes
    ----------
    doi, authors, year, title, journal, volume, pages : str
        Authors as in BibTeX, joined by "and".
    """

    doi: str
    authors: str = ""
    year: str = ""
    title: str = ""
    journal: str = ""
    volume: str = ""
    pages: str = ""

    @property
    def key(self) -> str:
        """Key of the BibTeX entry: first author, year and the end of the DOI, which tells two of a year apart."""
        name = re.sub(r"[^A-Za-z]", "", _last_name(self.authors.split(" and ")[0])).lower()
        return f"{name}{self.year}_{re.sub('[^0-9A-Za-z]', '', self.doi.rpartition('/')[2])}".lstrip("_")

    @property
    def bibtex(self) -> str:
        """The BibTeX entry."""
        fields = {
            "author": self.authors, "title": f"{{{self.title}}}" if self.title else "", "journal": self.journal,
            "year": self.year, "volume": self.volume, "pages": self.pages.replace("-", "--"), "doi": self.doi,
        }  # fmt: skip
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        return f"@{'article' if self.journal else 'misc'}{{{self.key},\n{lines}\n}}"

    @property
    def short(self) -> str:
        """As it is cited in a text: authors and year, or the DOI where these are not known."""
        if not self.authors:
            return f"doi:{self.doi}"
        names = [_last_name(name) for name in self.authors.split(" and ")]
        if len(names) > 2 or "others" in names:
            return f"{names[0]} et al., {self.year}"
        return f"{' and '.join(names)}, {self.year}"


def _last_name(author: str) -> str:
    return author.split(",")[0].strip("{}")


_KNOWN = (
    Reference("10.1002/mrm.30006", "{QSM Consensus Organization Committee} and Bilgic, Berkin and others", "2024",
              "Recommended implementation of quantitative susceptibility mapping for clinical research in the brain: A "
              "consensus of the ISMRM electro-magnetic tissue properties study group", _MRM, "91", "1834-1862"),
    Reference("10.1016/j.mri.2012.05.001", "Fedorov, Andriy and others", "2012",
              "3D Slicer as an image computing platform for the Quantitative Imaging Network",
              "Magnetic Resonance Imaging", "30", "1323-1341"),
    Reference("10.1002/hbm.10062", "Smith, Stephen M.", "2002", "Fast robust automated brain extraction",
              "Human Brain Mapping", "17", "143-155"),
    Reference("10.1109/42.811268", "Van Leemput, Koen and others", "1999",
              "Automated model-based bias field correction of MR images of the brain",
              "IEEE Transactions on Medical Imaging", "18", "885-896"),
    Reference("10.1109/TPAMI.2006.19", "Li, Kang and others", "2006",
              "Optimal surface segmentation in volumetric images: a graph-theoretic approach",
              "IEEE Transactions on Pattern Analysis and Machine Intelligence", "28", "119-134"),
    Reference("10.1109/TSMC.1978.4310039", "Ridler, T. W. and Calvard, S.", "1978",
              "Picture thresholding using an iterative selection method",
              "IEEE Transactions on Systems, Man, and Cybernetics", "8", "630-632"),
    Reference("10.1002/mrm.28563", "Dymerska, Barbara and others", "2021",
              "Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO)", _MRM, "85",
              "2294-2308"),
    Reference("10.1002/mrm.29368", "Hagberg, Gisela E. and others", "2022",
              "Phase-based masking for quantitative susceptibility mapping of the human brain at 9.4T", _MRM),
    Reference("10.1002/mrm.26963", "Eckstein, Korbinian and others", "2018",
              "Computationally efficient combination of multi-channel phase data from multi-echo acquisitions (ASPIRE)",
              _MRM, "79", "2996-3006"),
    Reference("10.1002/nbm.3601", "Robinson, Simon Daniel and others", "2017",
              "An illustrated comparison of processing methods for MR phase imaging and QSM: combining array coil "
              "signals and phase unwrapping", _NMR, "30", "e3601"),
    Reference("10.1364/OL.28.001194", "Schofield, Marvin A. and Zhu, Yimei", "2003",
              "Fast phase unwrapping algorithm for interferometric applications", "Optics Letters", "28", "1194-1196"),
    Reference("10.1364/JOSAA.11.000107", "Ghiglia, Dennis C. and Romero, Louis A.", "1994",
              "Robust two-dimensional weighted and unweighted phase unwrapping that uses fast transforms and iterative "
              "methods", "Journal of the Optical Society of America A", "11", "107-117"),
    Reference("10.1016/j.neuroimage.2010.11.088", "Li, Wei and Wu, Bing and Liu, Chunlei", "2011",
              "Quantitative susceptibility mapping of human brain reflects spatial variation in tissue composition",
              _NEUROIMAGE, "55", "1645-1656"),
    Reference("10.1002/mrm.23000", "Wu, Bing and others", "2012",
              "Whole brain susceptibility mapping using compressed sensing", _MRM, "67", "137-147"),
    Reference("10.1016/j.neuroimage.2010.10.070",
              "Schweser, Ferdinand and Deistung, Andreas and Lehr, Berengar Wendel and Reichenbach, "
              "J{\\\"u}rgen Rainer", "2011",
              "Quantitative imaging of intrinsic magnetic tissue properties using MRI signal phase: an approach to in "
              "vivo brain iron metabolism?", _NEUROIMAGE, "54", "2789-2807"),
    Reference("10.1002/mrm.24765", "Sun, Hongfu and Wilman, Alan H.", "2014",
              "Background field removal using spherical mean value filtering and Tikhonov regularization", _MRM, "71",
              "1151-1157"),
    Reference("10.1002/mrm.24998", "Wen, Yan and others", "2014",
              "An iterative spherical mean value method for background field removal in MRI", _MRM, "72", "1065-1071"),
    Reference("10.1002/nbm.1670", "Liu, Tian and others", "2011",
              "A novel background field removal method for MRI using projection onto dipole fields (PDF)", _NMR, "24",
              "1129-1136"),
    Reference("10.1002/nbm.3064", "Zhou, Dong and Liu, Tian and Spincemaille, Pascal and Wang, Yi", "2014",
              "Background field removal by solving the Laplacian boundary value problem", _NMR, "27", "312-319"),
    Reference("10.1002/mrm.25029", "Bilgic, Berkin and others", "2014",
              "Fast quantitative susceptibility mapping with L1-regularization and automatic parameter selection", _MRM,
              "72", "1444-1459"),
    Reference("10.1002/mrm.27073",
              "Milovic, Carlos and Bilgic, Berkin and Zhao, Bo and Acosta-Cabronero, Julio and Tejos, Cristian", "2018",
              "Fast nonlinear susceptibility inversion with variational regularization", _MRM, "80", "814-821"),
    Reference("10.1002/mrm.26331", "Liu, Zhe and others", "2017",
              "Preconditioned total field inversion (TFI) method for quantitative susceptibility mapping", _MRM),
    Reference("10.1002/mrm.22135", "Shmueli, Karin and others", "2009",
              "Magnetic susceptibility mapping of brain tissue in vivo using MRI phase data", _MRM, "62", "1510-1522"),
    Reference("10.1002/mrm.22334", "Wharton, Sam and Sch{\\\"a}fer, Andreas and Bowtell, Richard", "2010",
              "Susceptibility mapping in the human brain using threshold-based k-space division", _MRM, "63",
              "1292-1304"),
    Reference("10.1002/mrm.24405",
              "Schweser, Ferdinand and Deistung, Andreas and Sommer, Karsten and Reichenbach, J{\\\"u}rgen R.", "2013",
              "Toward online reconstruction of quantitative susceptibility maps: superfast dipole inversion", _MRM,
              "69", "1582-1594"),
    Reference("10.1002/jmri.24365", "Bilgic, Berkin and others", "2014",
              "Fast image reconstruction with L2-regularization", "Journal of Magnetic Resonance Imaging", "40",
              "181-191"),
    Reference("10.1016/j.neuroimage.2017.11.018",
              "Kames, Christian and Wiggermann, Vanessa and Rauscher, Alexander", "2018",
              "Rapid two-step dipole inversion for susceptibility mapping with sparsity priors", _NEUROIMAGE, "167",
              "276-283"),
    Reference("10.1137/10079687X", "Fong, David Chin-Lung and Saunders, Michael", "2011",
              "LSMR: An iterative algorithm for sparse least-squares problems", "SIAM Journal on Scientific Computing",
              "33", "2950-2971"),
    Reference("10.1002/nbm.4271", "Polak, Daniel and others", "2020",
              "Nonlinear dipole inversion (NDI) enables robust quantitative susceptibility mapping (QSM)", _NMR, "33",
              "e4271"),
    Reference("10.1002/mrm.29218", "Lambert, Mathias and others", "2022",
              "Hybrid data fidelity term approach for quantitative susceptibility mapping", _MRM),
    Reference("10.1002/mrm.28957", "Milovic, Carlos and others", "2022",
              "Streaking artifact suppression of quantitative susceptibility mapping reconstructions via L1-norm data "
              "fidelity optimization (L1-QSM)", _MRM),
    Reference("10.1002/mrm.27483", "Milovic, Carlos and others", "2019",
              "Weak-harmonic regularization for quantitative susceptibility mapping", _MRM, "81", "1399-1411"),
    Reference("10.1002/mrm.22816", "Liu, Tian and others", "2011",
              "Morphology enabled dipole inversion (MEDI) from a single-angle acquisition: comparison with COSMOS in "
              "human brain imaging", _MRM, "66", "777-783"),
    Reference("10.1016/j.neuroimage.2011.08.082", "Liu, Jing and others", "2012",
              "Morphology enabled dipole inversion for quantitative susceptibility mapping using structural "
              "consistency between the magnitude image and the susceptibility map", _NEUROIMAGE, "59", "2560-2568"),
    Reference("10.1002/mrm.24272", "Liu, Tian and others", "2013",
              "Nonlinear formulation of the magnetic field to source relationship for robust quantitative "
              "susceptibility mapping", _MRM, "69", "467-476"),
    Reference("10.1002/mrm.26946",
              "Liu, Zhe and Spincemaille, Pascal and Yao, Yihao and Zhang, Yan and Wang, Yi", "2018",
              "MEDI+0: Morphology enabled dipole inversion with automatic uniform cerebrospinal fluid zero reference "
              "for quantitative susceptibility mapping", _MRM, "79", "2795-2803"),
    Reference("10.1016/j.neuroimage.2014.12.043", "Li, Wei and others", "2015",
              "A method for estimating and removing streaking artifacts in quantitative susceptibility mapping",
              _NEUROIMAGE, "108", "111-122"),
    Reference("10.1002/mrm.25137", "Pei, Mengchao and others", "2015",
              "Algorithm for fast monoexponential fitting based on Auto-Regression on Linear Operations (ARLO) of data",
              _MRM, "73", "843-850"),
)  # fmt: skip
REFERENCES: dict[str, Reference] = {reference.doi: reference for reference in _KNOWN}


def reference(doi: str) -> Reference:
    """The publication with a DOI; where nothing else is known of it, an entry of the DOI alone."""
    return REFERENCES.get(doi, Reference(doi))


def references_of(recipe: Recipe, skipped: tuple[str, ...] = ()) -> dict[str, list[Reference]]:
    """The publications of the methods of a recipe, by stage.

    Parameters
    ----------
    recipe : Recipe
    skipped : tuple of str
        Stages that were not run.
    """
    return {
        stage: [reference(doi) for doi in method(stage, chosen["method"]).references]
        for stage, chosen in recipe.stages.items()
        if stage not in skipped
    }


def cited(recipe: Recipe, skipped: tuple[str, ...] = ()) -> list[Reference]:
    """All publications to cite with a map of a recipe, each once."""
    of_methods = (found for stage in references_of(recipe, skipped).values() for found in stage)
    unique = {found.doi: found for found in (*map(reference, ALWAYS), *of_methods)}
    return list(unique.values())
