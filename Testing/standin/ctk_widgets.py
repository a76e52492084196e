"""Stand-ins for the widgets of CTK that the panels use, with the property, signal and slot names of CTK's headers."""

from __future__ import annotations

from PySide6.QtCore import Property, QEvent, QRect, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractButton,
    QDoubleSpinBox,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOption,
    QStyleOptionButton,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .ui_files import stand_in_widget

_UNLIMITED = 16777215
_IS_FORCED = "standInForcesVisibility"
_WISH = "visibilityToParent"


class _Collapsible:
    """Hides what it holds. As in CTK, what is shown or hidden meanwhile is remembered and shown or hidden later."""

    def childEvent(self, event):
        child = event.child()
        if event.added() and isinstance(child, QWidget):
            child.installEventFilter(self)
        super().childEvent(event)

    def eventFilter(self, watched, event):
        told = event.type()
        if told in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent) and not self.property(_IS_FORCED):
            watched.setProperty(_WISH, told == QEvent.Type.ShowToParent)
            if self.collapsed:
                self._force(watched, False)
        return False

    def _set_contents_visible(self, shown):
        for child in self.children():
            if isinstance(child, QWidget):
                wish = child.property(_WISH)
                self._force(child, shown and wish is not False)

    def _force(self, child, shown):
        self.setProperty(_IS_FORCED, True)
        child.setVisible(shown)
        self.setProperty(_IS_FORCED, False)


@stand_in_widget
class ctkCollapsibleButton(_Collapsible, QAbstractButton):
    """A title bar that shows and hides what is below it."""

    contentsCollapsed = Signal(bool)
    cpp_signals = {"contentsCollapsed(bool)": "contentsCollapsed"}

    _BAR, _MARGIN = 24, 6

    def __init__(self, text="", parent=None):
        if isinstance(text, QWidget):
            text, parent = "", text
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setContentsMargins(self._MARGIN, self._BAR + self._MARGIN, self._MARGIN, self._MARGIN)
        self.connect("toggled(bool)", self._show_contents)

    def _is_collapsed(self):
        return not self.checked

    def setCollapsed(self, collapsed):
        """Hide (True) or show (False) the contents."""
        self.setChecked(not collapsed)

    collapsed = Property(bool, _is_collapsed, setCollapsed)

    def _show_contents(self, shown):
        self._set_contents_visible(shown)
        self.setMaximumHeight(_UNLIMITED if shown else self._BAR)
        self.contentsCollapsed.emit(not shown)

    def _bar(self):
        return QRect(0, 0, self.width, self._BAR)

    def hitButton(self, position):
        return self._bar().contains(position)

    def showEvent(self, event):
        self._show_contents(not self.collapsed)

    def paintEvent(self, event):
        painter = QStylePainter(self)
        bar = QStyleOptionButton()
        bar.initFrom(self)
        bar.rect = self._bar()
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, bar)
        arrow = QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QRect(8, (self._BAR - 12) // 2, 12, 12)
        painter.drawPrimitive(
            QStyle.PrimitiveElement.PE_IndicatorArrowRight if self.collapsed
            else QStyle.PrimitiveElement.PE_IndicatorArrowDown,
            arrow,
        )
        painter.drawText(self._bar().adjusted(28, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text)
        painter.end()


@stand_in_widget
class ctkCollapsibleGroupBox(_Collapsible, QGroupBox):
    """A group box whose check box shows and hides what is in it."""

    def __init__(self, text="", parent=None):
        if isinstance(text, QWidget):
            text, parent = "", text
        super().__init__(text, parent)
        self.setCheckable(True)
        self.connect("toggled(bool)", self._show_contents)

    def setCollapsed(self, collapsed):
        """Hide (True) or show (False) the contents."""
        self.setChecked(not collapsed)

    collapsed = Property(bool, lambda self: not self.checked, setCollapsed)

    def _show_contents(self, shown):
        self._set_contents_visible(shown)
        self.setMaximumHeight(_UNLIMITED if shown else self.fontMetrics().height() + 6)

    def showEvent(self, event):
        self._show_contents(self.checked)


@stand_in_widget
class ctkDoubleSpinBox(QDoubleSpinBox):
    """A spin box for numbers."""


def _of_spin_box(kind, name):
    """A property that a slider widget hands on to its spin box."""

    def assign(self, value):
        setattr(self._spin_box, name, value)
        self._place_slider()

    return Property(kind, lambda self: getattr(self._spin_box, name), assign)


@stand_in_widget
class ctkSliderWidget(QWidget):
    """A slider with a spin box beside it."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    cpp_signals = {"valueChanged(double)": "valueChanged", "valueIsChanging(double)": "valueIsChanging"}

    _STEPS = 1000

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, self._STEPS)
        self._spin_box = QDoubleSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._spin_box)
        self._slider.connect("sliderMoved(int)", self._slider_moved)
        self._spin_box.connect("valueChanged(double)", self._value_changed)

    value = _of_spin_box(float, "value")
    minimum = _of_spin_box(float, "minimum")
    maximum = _of_spin_box(float, "maximum")
    singleStep = _of_spin_box(float, "singleStep")
    decimals = _of_spin_box(int, "decimals")
    prefix = _of_spin_box(str, "prefix")
    suffix = _of_spin_box(str, "suffix")

    def setValue(self, value):
        """Set the value."""
        self.value = value

    def setDecimals(self, decimals):
        """Set the number of decimals shown."""
        self.decimals = decimals

    def _value_changed(self, value):
        self._place_slider()
        self.valueChanged.emit(value)

    def _place_slider(self):
        extent = self.maximum - self.minimum
        self._slider.setValue(round(self._STEPS * (self.value - self.minimum) / extent) if extent > 0 else 0)

    def _slider_moved(self, position):
        self.value = self.minimum + (self.maximum - self.minimum) * position / self._STEPS
        self.valueIsChanging.emit(self.value)


@stand_in_widget
class ctkRangeWidget(QWidget):
    """Two spin boxes for the ends of a range, of which the first is never above the second."""

    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    valuesChanged = Signal(float, float)
    rangeChanged = Signal(float, float)
    cpp_signals = {
        "minimumValueChanged(double)": "minimumValueChanged",
        "maximumValueChanged(double)": "maximumValueChanged",
        "valuesChanged(double,double)": "valuesChanged",
        "rangeChanged(double,double)": "rangeChanged",
    }

    def __init__(self, parent=None):
        super().__init__(parent)
        self._ends = [QDoubleSpinBox(self), QDoubleSpinBox(self)]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for end, told in zip(self._ends, (self._low_changed, self._high_changed), strict=True):
            layout.addWidget(end)
            end.connect("valueChanged(double)", told)
        self._ends[1].value = self._ends[1].maximum

    def setMinimumValue(self, value):
        """Set the lower end."""
        self._ends[0].value = value

    def setMaximumValue(self, value):
        """Set the upper end."""
        self._ends[1].value = value

    def setValues(self, low, high):
        """Set both ends."""
        before = self.minimumValue, self.maximumValue
        was_blocked = self.blockSignals(True)
        self._ends[0].value, self._ends[1].value = low, high
        self._ends[0].value = low  # again, now that the upper end lets it
        self.blockSignals(was_blocked)
        if (self.minimumValue, self.maximumValue) != before:
            self.minimumValueChanged.emit(self.minimumValue)
            self.maximumValueChanged.emit(self.maximumValue)
            self.valuesChanged.emit(self.minimumValue, self.maximumValue)

    def setDecimals(self, decimals):
        """Set the number of decimals shown."""
        for end in self._ends:
            end.decimals = decimals

    def _set_bounds(self, low, high):
        for end in self._ends:
            end.setRange(low, high)
        self.rangeChanged.emit(low, high)

    minimumValue = Property(float, lambda self: self._ends[0].value, setMinimumValue)
    maximumValue = Property(float, lambda self: self._ends[1].value, setMaximumValue)
    minimum = Property(float, lambda self: self._ends[0].minimum,
                       lambda self, low: self._set_bounds(low, max(low, self.maximum)))  # fmt: skip
    maximum = Property(float, lambda self: self._ends[0].maximum,
                       lambda self, high: self._set_bounds(min(high, self.minimum), high))  # fmt: skip
    decimals = Property(int, lambda self: self._ends[0].decimals, setDecimals)

    def _low_changed(self, value):
        if value > self.maximumValue:
            self._ends[1].value = value
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self.maximumValue)

    def _high_changed(self, value):
        if value < self.minimumValue:
            self._ends[0].value = value
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self.minimumValue, value)


@stand_in_widget
class ctkPathLineEdit(QWidget):
    """A file or folder name with a button to browse, which does nothing here."""

    currentPathChanged = Signal(str)
    cpp_signals = {"currentPathChanged(QString)": "currentPathChanged"}

    Dirs, Files, Drives, NoSymLinks, Readable, Writable = (1 << bit for bit in range(6))
    AdjustToContents, AdjustToContentsOnFirstShow, AdjustToMinimumContentsLength = range(3)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._line_edit = QLineEdit(self)
        browse = QToolButton(self)
        browse.setText("...")
        self._filters = self.Files | self.Readable
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line_edit)
        layout.addWidget(browse)
        self._line_edit.connect("textChanged(QString)", self.currentPathChanged.emit)

    def setCurrentPath(self, path):
        """Set the path."""
        self._line_edit.setText(path)

    currentPath = Property(str, lambda self: self._line_edit.text, setCurrentPath)

    def setFilters(self, filters):
        """Set what can be browsed for."""
        self._filters = filters

    filters = Property(int, lambda self: self._filters, setFilters)


@stand_in_widget
class ctkFlowLayout(QVBoxLayout):
    """A layout that fills rows with widgets; here there is one in each row."""
