"""Protocols: published study designs as plain data, which can be run on one's own cohort.

Each `.json` file beside this one is a design: regions, measures, reference, variables, tests, the family of tests for
the control of errors, figures, and the citation. `protocol.Protocol` describes its fields, `schema` reads it,
and `needs` says what data lack for it.
"""

from .needs import missing
from .protocol import Protocol
from .schema import load_protocol, parse_protocol, protocol_names

__all__ = ["Protocol", "load_protocol", "missing", "parse_protocol", "protocol_names"]
