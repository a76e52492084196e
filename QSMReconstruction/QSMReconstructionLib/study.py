"""What the panel's parameters say about the study: which nodes are the scan, and which recipe it gets.

Volumes of further echoes are node references of the parameter node, because a wrapper's field holds one node.
"""

from __future__ import annotations

from slicer.i18n import tr as _

from QSMReconstructionCore.recipe import Recipe

from .echoes import Scan, known_field_strength, scan_from_nodes

#: Roles of node references to the volumes of the second and later echoes. They are a file format.
FURTHER_ECHOES = {"magnitude": "furtherMagnitude", "phase": "furtherPhase"}


class StillMissingError(ValueError):
    """The user has not chosen or entered something yet; the message asks for it."""


def is_sequence(node) -> bool:
    """Whether a node holds all echoes."""
    return node is not None and node.IsA("vtkMRMLSequenceNode")


def echoes_of(parameters, role: str) -> list:
    """The nodes chosen for the magnitude or the phase: a sequence, or one volume per echo, None where none is chosen.

    Parameters
    ----------
    parameters : QSMReconstructionParameterNode
    role : str
        "magnitude" or "phase".
    """
    first = getattr(parameters, role)
    if is_sequence(first):
        return [first]
    node = parameters.parameterNode
    return [first, *(node.GetNthNodeReference(FURTHER_ECHOES[role], index) for index in range(further(parameters)))]


def further(parameters) -> int:
    """Number of echoes after the first one that are volumes."""
    return max(parameters.parameterNode.GetNumberOfNodeReferences(role) for role in FURTHER_ECHOES.values())


def echo_times_ms(parameters) -> list[float] | None:
    """Echo times in ms that the user has entered, 0 where one is missing; None if the scan's own are used."""
    return [float(word) for word in parameters.echoTimes.split()] or None


def scan_of(parameters) -> Scan:
    """The scan that is chosen, with its voxels still shared with the scene.

    Raises
    ------
    StillMissingError
        If something is missing.
    ValueError
        If something does not fit; the sentence tells the user what.
    """
    magnitude, phase = (echoes_of(parameters, role) for role in ("magnitude", "phase"))
    if None in magnitude or None in phase:
        raise StillMissingError(_("Choose the magnitude and the phase."))
    if set(magnitude) & set(phase):
        raise ValueError(_("Choose a phase that is not the magnitude."))
    if is_sequence(magnitude[0]) != is_sequence(phase[0]):
        raise ValueError(_("Choose two sequences, or volumes, for magnitude and phase."))
    times = echo_times_ms(parameters)
    if not is_sequence(magnitude[0]) and (times is None or not all(times) or len(times) != len(magnitude)):
        raise StillMissingError(_("Enter the echo times in the table of echoes."))
    if not parameters.fieldStrength and not any(known_field_strength(node) for node in (*magnitude, *phase)):
        raise StillMissingError(_("Enter the field strength: these images do not carry it."))
    return scan_from_nodes(
        magnitude if len(magnitude) > 1 else magnitude[0],
        phase if len(phase) > 1 else phase[0],
        field_strength=parameters.fieldStrength or None,
        echo_times=[time / 1000 for time in times] if times else None,
        copy=False,
    )


def recipe_of(parameters) -> Recipe:
    """The recipe that is chosen: a preset, or what the user has made of it."""
    return Recipe.from_json(parameters.recipe) if parameters.recipe else Recipe.preset(parameters.preset)
