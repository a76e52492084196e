"""What Qt 5, with which Slicer 5.12 is built, has and Qt 6 has not, as far as scripted modules use it."""

from __future__ import annotations

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


def add_qt5_names(qt) -> None:
    """Add to PySide6's classes and to the module `qt` what they had in Qt 5."""
    for cls, signals in _RENAMED_SIGNALS.items():
        cls.cpp_signals = signals
    QtWidgets.QLayout.margin = property(lambda layout: layout.contentsMargins.left(), _set_margin)
    QtWidgets.QLayout.setMargin = _set_margin
    QtGui.QFontMetrics.width = QtGui.QFontMetrics.horizontalAdvance
    QtWidgets.QApplication.desktop = staticmethod(QDesktopWidget)
    qt.QDesktopWidget = QDesktopWidget
    qt.QRegExp, qt.QRegExpValidator = QtCore.QRegularExpression, QtGui.QRegularExpressionValidator
