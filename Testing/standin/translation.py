"""Stand-in for `slicer.i18n`: texts come back as they are, as in Slicer when no translation is installed."""

from __future__ import annotations


def translate(context: str, text: str) -> str:
    """The text in the user's language, looked up in a context."""
    if not isinstance(text, str):
        raise TypeError(f"A text to translate must be a string, but got {text!r}.")
    return text


def tr(text: str) -> str:
    """The text in the user's language, looked up in the context of the calling file."""
    return translate("", text)
