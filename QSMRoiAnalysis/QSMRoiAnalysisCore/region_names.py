"""Names of structures: what tables, atlases and papers call the same part of the brain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

#: The name that protocols use -> what else it is called, among others by FreeSurfer, AAL3, CIT168 and MuSus-100.
STRUCTURES: dict[str, tuple[str, ...]] = {
    "Caudate nucleus": ("caudate", "caud", "cau", "ca", "cn"),
    "Putamen": ("put", "pu"),
    "Globus pallidus": ("pallidum", "pallidus", "pall", "gp"),
    "Globus pallidus external": ("globus pallidus externus", "gpe", "pallidum external"),
    "Globus pallidus internal": ("globus pallidus internus", "gpi", "pallidum internal"),
    "Thalamus": ("thalamus proper", "thal", "tha"),
    "Pulvinar": ("pulvinar thalamus", "pul"),
    "Substantia nigra": ("sn", "nigra", "substantia nigra whole"),
    "Substantia nigra pars compacta": ("snc", "snpc", "sn pc", "substantia nigra compacta"),
    "Substantia nigra pars reticulata": ("snr", "snpr", "sn pr", "substantia nigra reticulata"),
    "Nigrosome 1": ("n1", "nigrosome", "nigrosome1"),
    "Red nucleus": ("rn", "red n", "red"),
    "Subthalamic nucleus": ("stn", "sth", "subthalamus"),
    "Dentate nucleus": ("dn", "dentate"),
    "Nucleus accumbens": ("accumbens", "accumbens area", "nac", "nacc", "n acc", "accumb"),
    "Ventral pallidum": ("vp", "vep"),
    "Locus coeruleus": ("lc",),
    "Hippocampus": ("hip", "hipp", "hippo"),
    "Amygdala": ("amyg",),
    "Entorhinal cortex": ("entorhinal", "ctx entorhinal"),
    "Banks of the superior temporal sulcus": ("bankssts", "ctx bankssts"),
    "Precentral gyrus": ("precentral", "ctx precentral", "motor cortex", "primary motor cortex", "m1"),
    "Primary motor cortex anterior": ("m1 anterior", "precentral anterior"),
    "Primary motor cortex posterior": ("m1 posterior", "precentral posterior"),
    "Premotor cortex": ("premotor", "pre motor", "premotor area"),
    "Superior medial frontal gyrus": ("superior medial frontal", "frontal sup medial"),
    "Orbitofrontal cortex": ("orbitofrontal", "ofc"),
    "Parahippocampal gyrus": ("parahippocampal", "ctx parahippocampal"),
    "Inferior temporal gyrus": ("inferior temporal", "inferiortemporal", "ctx inferiortemporal"),
    "Basal ganglia": ("bg",),
    "Striatum": (),
    "White matter": ("wm", "cerebral white matter"),
    "Lesion": (),
}


@lru_cache(maxsize=10_000)
def plain_name(name: str) -> str:
    """A name without what differs between lists: case, punctuation and repeated spaces."""
    return re.sub(r"[\W_]+", " ", name.lower()).strip()


def same_structure(wanted: str, names: Iterable[str]) -> str | None:
    """The name among `names` that means the structure wanted, or none.

    Parameters
    ----------
    wanted : str
        A name of `STRUCTURES`, or any other name, which then has to agree but for case and punctuation.
    names : iterable of str
        Structures as tables call them, without sides.

    Returns
    -------
    str or None
        The same name is preferred over another name of the structure.
    """
    by_plain = {plain_name(name): name for name in reversed(list(names))}
    known = next((also for name, also in STRUCTURES.items() if plain_name(name) == plain_name(wanted)), ())
    for candidate in (wanted, *known):
        if plain_name(candidate) in by_plain:
            return by_plain[plain_name(candidate)]
    return None
