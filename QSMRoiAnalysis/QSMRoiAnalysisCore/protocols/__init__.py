"""Protocols: published study designs as plain data, which can be run on one's own cohort.

Each `.json` file beside this one is a design: regions, measures, reference, variables, tests, the family of tests for
the control of errors, figures, and the citation. `schema.Protocol` describes its fields.
"""

from .needs import missing
from .schema import Protocol, load_protocol, parse_protocol, protocol_names

__all__ = ["Protocol", "load_protocol", "missing", "parse_protocol", "protocol_names"]
