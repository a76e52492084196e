"""What an analysis is, and what the parameters of its function name."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

#: Parameters of these types name groups, variables and measures of the protocol. What a protocol needs from a table
#: follows from them.
Groups = Annotated[tuple[str, ...], "group"]
VariableName = Annotated[str, "variable"]
Variables = Annotated[tuple[str, ...], "variable"]
MeasureName = Annotated[str, "measure"]
Measures = Annotated[tuple[str, ...], "measure"]


@dataclass(frozen=True)
class Analysis:
    """A kind of analysis that protocols can ask for.

    Attributes
    ----------
    function : callable
        `function(study, target, *, ...)` for one measure of one region, or `function(study, *, ...)` for a whole study;
        returns findings. Its keyword arguments are the parameters in the file of a protocol.
    per_target : bool
        Whether it is made for each measure of each region.
    visits : int
        Visits of a subject that it takes.
    adjusts : bool
        Whether it adjusts for the covariates of the protocol.
    uses : frozenset of str
        What else it needs: "groups" for two or more of them, "both roles" for cases and controls.
    """

    function: Callable
    per_target: bool = True
    visits: int = 1
    adjusts: bool = False
    uses: frozenset[str] = field(default=frozenset())

    @property
    def summary(self) -> str:
        """First line of the documentation of the function."""
        return (self.function.__doc__ or "").strip().splitlines()[0]

    def named(self, parameters: Mapping[str, object], kind: str) -> tuple[str, ...]:
        """Names of one kind ("group", "variable", "measure") among the values of parameters."""
        found: list[str] = []
        for name, hint in typing.get_type_hints(self.function, include_extras=True).items():
            if kind not in getattr(hint, "__metadata__", ()) or name not in parameters:
                continue
            value = parameters[name]
            found += [value] if isinstance(value, str) else list(value)
        return tuple(one for one in found if one)
