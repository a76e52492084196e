"""What Qt 5, with which Slicer 5.12 is built, has and Qt 6 has not, as far as scripted modules use it."""

from __future__ import annotations

from functools import wraps
from time import monotonic

from PySide6 import QtCore, QtGui, QtWidgets

#: Signals that Qt 6 names after the type of their argument. Looked up by `qt_signals.connect`.
_RENAMED_SIGNALS = {
    QtCore.QSignalMapper: {
        "mapped(int)": "mappedInt",
        "mapped(QString)": "mappedString",
        "mapped(QObject*)": "mappedObject",
        "mapped(QWidget*)": "mappedObject",
    },
    QtWidgets.QComboBox: {
        "currentIndexChanged(QString)": "currentTextChanged",
        "activated(QString)": "textActivated",
    },
    QtWidgets.QButtonGroup: {
        "buttonClicked(int)": "idClicked",
        "buttonToggled(int,bool)": "idToggled",
    },
}


def _set_margin(layout, margin: int) -> None:
    layout.setContentsMargins(margin, margin, margin, margin)


class QDesktopWidget(QtWidgets.QWidget):
    """The screens."""

    primaryScreen = QtCore.Property(int, lambda self: 0)
    screenCount = QtCore.Property(int, lambda self: len(QtGui.QGuiApplication.screens()))

    def screenGeometry(self, screen: int = 0):
        """The rectangle of a screen."""
        return QtGui.QGuiApplication.screens()[screen].geometry

    def availableGeometry(self, screen: int = 0):
        """The rectangle of a screen that windows can use."""
        return QtGui.QGuiApplication.screens()[screen].availableGeometry


class QRegExp:
    """A regular expression that remembers its last match."""

    def __init__(self, pattern: str = "", *_):
        self._expression = QtCore.QRegularExpression(pattern)
        self._match = self._expression.match("")

    def pattern(self) -> str:
        """The text of the expression."""
        return self._expression.pattern()

    def setPattern(self, pattern: str) -> None:
        """Set the text of the expression."""
        self._expression.setPattern(pattern)

    def isValid(self) -> bool:
        """Whether the text is an expression."""
        return self._expression.isValid()

    def indexIn(self, text: str, offset: int = 0) -> int:
        """Where the first match begins; -1 if there is none."""
        self._match = self._expression.match(text, offset)
        return self._match.capturedStart()

    def exactMatch(self, text: str) -> bool:
        """Whether the whole text matches."""
        whole = QtCore.QRegularExpression(QtCore.QRegularExpression.anchoredPattern(self.pattern()))
        self._match = whole.match(text)
        return self._match.hasMatch()

    def matchedLength(self) -> int:
        """Characters of the last match; -1 if there was none."""
        return self._match.capturedLength() if self._match.hasMatch() else -1

    def cap(self, nth: int = 0) -> str:
        """What the nth parentheses matched."""
        return self._match.captured(nth)

    def capturedTexts(self) -> list[str]:
        """The last match and what all its parentheses matched."""
        return self._match.capturedTexts()


class QRegExpValidator(QtGui.QRegularExpressionValidator):
    """Lets a field take texts that match."""

    def __init__(self, expression=None, parent=None):
        super().__init__(parent)
        if isinstance(expression, QRegExp):
            self.setRegularExpression(QtCore.QRegularExpression(expression.pattern()))


def _writing_text(native):
    """PythonQt makes bytes of text."""

    @wraps(native)
    def write(self, data, *arguments):
        return native(self, data.encode() if isinstance(data, str) else data, *arguments)

    return write


def _add_stop_watch() -> None:
    """`QTime` was also a stop watch."""
    started: dict[int, float] = {}

    def restart(time) -> int:
        now = monotonic()
        elapsed = now - started.get(id(time), now)
        started[id(time)] = now
        return int(1000 * elapsed)

    QtCore.QTime.start = lambda self: restart(self) and None
    QtCore.QTime.restart = restart
    QtCore.QTime.elapsed = lambda self: int(1000 * (monotonic() - started[id(self)]))


def add_qt5_names(qt) -> None:
    """Add to PySide6's classes and to the module `qt` what they had in Qt 5."""
    for cls, signals in _RENAMED_SIGNALS.items():
        cls.cpp_signals = signals
    QtWidgets.QLayout.margin = property(lambda layout: layout.contentsMargins.left(), _set_margin)
    QtWidgets.QLayout.setMargin = _set_margin
    QtGui.QFontMetrics.width = QtGui.QFontMetrics.horizontalAdvance
    QtWidgets.QApplication.desktop = staticmethod(QDesktopWidget)
    qt.QDesktopWidget = QDesktopWidget
    qt.QRegExp, qt.QRegExpValidator = QRegExp, QRegExpValidator
    QtGui.QPalette.Background, QtGui.QPalette.Foreground = QtGui.QPalette.Window, QtGui.QPalette.WindowText
    _add_stop_watch()
    QtCore.QIODevice.write = _writing_text(QtCore.QIODevice.write)
