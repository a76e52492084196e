"""Vendors of scanners, by what their headers call them, and the sign of the phase they export."""

from __future__ import annotations

import re

_NAMES = {
    "Siemens": r"siemens",
    "Philips": r"philips",
    "GE": r"^ge\b|general electric",
    "UIH": r"^uih\b|united imaging",
    "Canon": r"canon|toshiba",
    "Hitachi": r"hitachi|fujifilm",
}
#: They export phase that falls where the field is positive.
OPPOSITE_SIGN = ("GE", "UIH", "Hitachi")
#: Their sign is known; that of others is assumed to be the same as in most.
KNOWN_SIGN = ("Siemens", "Philips", *OPPOSITE_SIGN)


def vendor_named(manufacturer: str) -> str:
    """The vendor's short name, or what the header calls it."""
    return next((name for name, pattern in _NAMES.items() if re.search(pattern, manufacturer, re.I)), manufacturer)


def sign_source(vendor: str) -> str:
    """What is known of the sign of the phase that a vendor exports, and what is made of it."""
    name = vendor or "the unnamed vendor"
    if vendor in OPPOSITE_SIGN:
        return f"negated, because {name} exports the opposite sign"
    if vendor in KNOWN_SIGN:
        return f"as exported by {name}"
    return f"assumed: as exported by {name}, whose sign is not known"
