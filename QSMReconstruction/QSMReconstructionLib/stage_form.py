"""The form of a stage of the recipe: its method and the method's parameters, made from the method's signature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMReconstructionCore.methods import METHODS, STAGES, Method
from QSMReconstructionCore.parameter import Parameter, explanations_of
from QSMReconstructionCore.pipeline import STAGES_IN_WORDS

from .tab_order import chain

#: A range over more decades than this gets an entry in place of a spin box, for instance regularization.
_DECADES = 4.0
#: A range over more decades than this has a logarithmic slider.
_SLIDER_DECADES = 1.5
#: Same width of all labels, so that the forms of all stages line up.
_LABEL_WIDTH = 96
#: Of editors of numbers, and of choices, which need words and line up with the methods.
_EDITOR_WIDTH, _CHOICE_WIDTH = 130, 222


class StageForm:
    """Choice of a method, what it does, its references, and one row for each of its parameters.

    Parameters
    ----------
    stage : str
        A stage of the recipe.
    parent : QWidget
        Gets the form as its layout.
    changed : callable
        Called with the stage's part of the recipe when the user has changed it.
    """

    def __init__(self, stage: str, parent, changed: Callable[[dict[str, Any]], None]) -> None:
        self.stage, self._changed = stage, changed
        self._values: dict[str, Any] = {}
        self._rows = None
        self._layout = qt.QVBoxLayout(parent)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.methodComboBox = qt.QComboBox(parent)
        self.methodComboBox.objectName = f"{stage}MethodComboBox"
        self.methodComboBox.toolTip = _(STAGES[stage])
        for index, found in enumerate(METHODS[stage].values()):
            self.methodComboBox.addItem(_(found.title), found.name)
            self.methodComboBox.setItemData(index, found.summary, qt.Qt.ToolTipRole)
        self.methodComboBox.sizeAdjustPolicy = qt.QComboBox.AdjustToMinimumContentsLengthWithIcon  # no wider panel
        form = _form(qt.QWidget(parent))
        self._layout.addWidget(form.parentWidget())
        form.addRow(_label(_(STAGES_IN_WORDS[stage]) + ":", self.methodComboBox), self.methodComboBox)
        self._about = qt.QLabel(parent)
        self._about.wordWrap = True
        self._about.openExternalLinks = True
        form.addRow(self._about)
        self.methodComboBox.connect("activated(int)", self._method_chosen)

    @property
    def method(self) -> Method:
        """The method that is shown."""
        return METHODS[self.stage][self.methodComboBox.currentData]

    def show(self, values: Mapping[str, Any]) -> None:
        """Show a stage's part of a recipe."""
        if dict(values) == self._values:
            return
        self._values = dict(values)
        self.methodComboBox.currentIndex = self.methodComboBox.findData(values["method"])
        self._about.text = " ".join(
            [self.method.summary, *(f'<a href="https://doi.org/{doi}">{doi}</a>' for doi in self.method.references)]
        )
        if self._rows is not None:
            self._rows.hide()
            self._rows.deleteLater()
        self._rows = qt.QWidget(self._about.parentWidget())
        rows = qt.QVBoxLayout(self._rows)
        rows.setContentsMargins(0, 0, 0, 0)
        explanations, editors = explanations_of(self.method.function), []
        for parameter in self.method.parameters.values():
            editor = _editor(parameter, values[parameter.name], self._parameter_changed, self._values_now)
            editor.objectName = f"{self.stage}.{parameter.name}"
            editor.toolTip = _tool_tip(parameter, explanations.get(parameter.name, ""))
            text = _with_unit(parameter) if isinstance(editor, qt.QLineEdit) else parameter.label
            rows.addLayout(_row(text, editor))
            editors.append(editor)
        self._layout.addWidget(self._rows)
        chain([self.methodComboBox, *editors])

    def _values_now(self) -> Mapping[str, Any]:
        return self._values

    def _method_chosen(self, index: int) -> None:
        name = self.methodComboBox.itemData(index)
        if name != self._values["method"]:
            self._changed({"method": name})

    def _parameter_changed(self, name: str, value: Any) -> None:
        if value != self._values[name]:
            self._values = {**self._values, name: value}  # shown already: the editor keeps the keyboard's focus
            self._changed(dict(self._values))


def _form(widget):
    form = qt.QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.fieldGrowthPolicy = qt.QFormLayout.AllNonFixedFieldsGrow
    return form


def _label(text: str, buddy):
    label = qt.QLabel(text)
    label.wordWrap = True
    label.setFixedWidth(_LABEL_WIDTH)
    label.setBuddy(buddy)
    return label


def _row(text: str, editor):
    """A label as long as need be, and its editor, below those of all other rows."""
    row = qt.QHBoxLayout()
    label = qt.QLabel(f"{text}:")
    label.wordWrap = True
    label.setBuddy(editor)
    label.toolTip = editor.toolTip
    editor.setFixedWidth(_CHOICE_WIDTH if isinstance(editor, qt.QComboBox) else _EDITOR_WIDTH)
    row.addWidget(label, 1)
    row.addWidget(editor)
    return row


def _tool_tip(parameter: Parameter, explanation: str) -> str:
    lines = [explanation] if explanation else []
    if parameter.range:
        low, high = parameter.range
        low = f"{low:g} ({_(parameter.lowest)})" if parameter.lowest else f"{low:g}"
        lines.append(_("From {low} to {high:g} {unit}").format(low=low, high=high, unit=parameter.unit).rstrip())
    lines.append(_("Default: {value}").format(value=_default_in_words(parameter)))
    return "\n".join(lines)


def _default_in_words(parameter: Parameter) -> str:
    if parameter.choices:
        return _(parameter.choices[parameter.default])
    if parameter.lowest and parameter.default == parameter.range[0]:
        return _(parameter.lowest)
    return f"{_shown(parameter.default)} {parameter.unit}".rstrip()


def _with_unit(parameter: Parameter) -> str:
    return f"{parameter.label} ({parameter.unit})" if parameter.unit else parameter.label


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _editor(
    parameter: Parameter, value: Any, changed: Callable[[str, Any], None], values: Callable[[], Mapping[str, Any]]
):
    """The widget for a parameter, which calls `changed` with its name and its new, valid value."""
    name = parameter.name
    if parameter.choices:
        editor = qt.QComboBox()
        for choice, words in parameter.choices.items():
            editor.addItem(_(words), choice)
        editor.currentIndex = editor.findData(value)
        editor.connect("activated(int)", lambda index: changed(name, editor.itemData(index)))
    elif parameter.type is bool:
        editor = qt.QCheckBox()
        editor.checked = value
        editor.connect("toggled(bool)", lambda checked: changed(name, checked))
    elif parameter.type is int and parameter.range:
        editor = _spin_box(qt.QSpinBox(), parameter, value)
        editor.connect("valueChanged(int)", lambda number: changed(name, number))
    elif parameter.type is float and parameter.range and _decades(parameter.range) <= _DECADES:
        box = qt.QDoubleSpinBox()
        box.decimals = _decimals(parameter)
        editor = _spin_box(box, parameter, value)
        editor.singleStep = 10.0 ** math.floor(math.log10(abs(parameter.default) or parameter.range[1] / 10))
        editor.connect("valueChanged(double)", lambda number: changed(name, number))
    else:
        editor = _entry(parameter, changed, values)
    return editor


def _spin_box(editor, parameter: Parameter, value):
    editor.keyboardTracking = False  # a number counts when it is complete
    editor.minimum, editor.maximum = parameter.range
    editor.specialValueText = _(parameter.lowest) if parameter.lowest else ""
    editor.value = value
    editor.suffix = f" {parameter.unit}" if parameter.unit else ""
    return editor


def is_logarithmic(parameter: Parameter) -> bool:
    """Whether the range spans so many factors of ten that equal steps would not do."""
    return _decades(parameter.range) > _SLIDER_DECADES


def _decades(ends: tuple[float, float]) -> float:
    return math.log10(ends[1] / ends[0]) if ends[0] > 0 else 0.0


def _decimals(parameter: Parameter) -> int:
    """Enough for one digit more than the smallest of default and lower end needs."""
    smallest = min(abs(end) for end in (*parameter.range, parameter.default) if end)
    return max(2, 1 - math.floor(math.log10(smallest)))


def _entry(parameter: Parameter, changed: Callable[[str, Any], None], values: Callable[[], Mapping[str, Any]]):
    """A line for a text or for a number of any magnitude; what is not allowed is taken back."""
    editor = qt.QLineEdit(_shown(values()[parameter.name]))

    def finished() -> None:
        try:
            checked = parameter.checked(editor.text)
        except ValueError as error:
            qt.QToolTip.showText(editor.mapToGlobal(qt.QPoint(0, editor.height)), str(error), editor)
            editor.text = _shown(values()[parameter.name])
        else:
            editor.text = _shown(checked)
            changed(parameter.name, checked)

    editor.connect("editingFinished()", finished)
    return editor
