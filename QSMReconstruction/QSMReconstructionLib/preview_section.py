"""The section "Preview": a parameter of the inversion on a slider, and what it does in a small box."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from QSMReconstructionCore.methods import method
from QSMReconstructionCore.parameter import Parameter
from QSMReconstructionCore.recipe import Recipe

from .previews import remove_preview, update_preview
from .stage_form import is_logarithmic
from .study import recipe_of

#: Steps of the slider, and milliseconds for which it must rest before the box is inverted.
_STEPS, _REST = 100, 150


class PreviewSection:
    """Tries the inversion of the recipe whenever it changes, while the user wants a preview.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    change : callable
        Called with the stage "inversion" and its new part of the recipe when the slider was moved.
    """

    def __init__(self, ui, change: Callable[[str, dict[str, Any]], None]) -> None:
        self.ui, self._change = ui, change
        self._parameters = None
        self._slider_tool_tip = ui.previewSlider.toolTip
        self._tried: dict[str, Any] = {}
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.connect("timeout()", self.try_now)
        ui.previewSlider.maximum = _STEPS
        ui.previewSlider.connect("valueChanged(int)", self._moved)
        ui.previewParameterComboBox.connect("activated(int)", lambda index: self._show_value())
        ui.previewCheckBox.connect("toggled(bool)", self._toggled)

    def show(self, parameters) -> None:
        """Offer the parameters of the recipe's inversion, and try it if it has changed."""
        self._parameters = parameters
        ui, chosen = self.ui, self._chosen()
        names = [p.name for p in self._offered(chosen)]
        box = ui.previewParameterComboBox
        if [box.itemData(index) for index in range(box.count)] != names:
            box.clear()
            for parameter in self._offered(chosen):
                box.addItem(parameter.label, parameter.name)
        self._show_value()
        ui.previewCheckBox.enabled = parameters.result is not None
        ui.previewCheckBox.toolTip = (
            _("Invert a box of 20 to 48 mm around the crosshair with this recipe, and show it over the slice views")
            if parameters.result else _("There is no result yet whose local field could be inverted")
        )
        if parameters.result is None:
            ui.previewCheckBox.checked = False
        elif ui.previewCheckBox.checked and chosen != self._tried:
            self._timer.start()

    def close(self) -> None:
        """Try nothing any more."""
        self._timer.stop()

    def try_now(self) -> None:
        """Invert the box with the recipe as it is."""
        if self._parameters is None or self._parameters.result is None:
            return
        self._tried = self._chosen()
        try:
            update_preview(self._parameters.result, self._recipe())
        except ValueError as reason:
            remove_preview()
            self.ui.previewMessageLabel.text = str(reason)
        else:
            self.ui.previewMessageLabel.text = _("The box shows {method}; its zero is that of the map.").format(
                method=_(method("inversion", self._tried["method"]).title)
            )

    def _toggled(self, wanted: bool) -> None:
        if self._parameters is not None:
            self._show_value()
        if wanted:
            self.try_now()
        else:
            self._timer.stop()
            remove_preview()
            self.ui.previewMessageLabel.text = ""

    def _recipe(self) -> Recipe:
        return recipe_of(self._parameters)

    def _chosen(self) -> dict[str, Any]:
        return dict(self._recipe().stages["inversion"])

    @staticmethod
    def _offered(chosen: dict[str, Any]) -> list[Parameter]:
        """Parameters that fit on a slider."""
        parameters = method("inversion", chosen["method"]).parameters.values()
        return [p for p in parameters if p.range and p.type in (int, float)]

    def _parameter(self) -> Parameter | None:
        name = self.ui.previewParameterComboBox.currentData
        return next((p for p in self._offered(self._chosen()) if p.name == name), None)

    def _show_value(self) -> None:
        parameter = self._parameter()
        shown = self.ui.previewCheckBox.checked
        self.ui.previewSlider.enabled = shown and parameter is not None
        self.ui.previewSlider.toolTip = self._slider_tool_tip if shown else _("Check the preview first")
        if parameter is not None:
            value = self._chosen()[parameter.name]
            self.ui.previewSlider.blockSignals(True)
            self.ui.previewSlider.value = _step_of(parameter, value)
            self.ui.previewSlider.blockSignals(False)
            self.ui.previewValueLabel.text = f"{value:g} {parameter.unit}".strip()

    def _moved(self, step: int) -> None:
        parameter = self._parameter()
        if parameter is not None:
            self._change("inversion", {**self._chosen(), parameter.name: _value_at(parameter, step)})


def _step_of(parameter: Parameter, value: float) -> int:
    low, high = parameter.range
    if is_logarithmic(parameter):
        return round(_STEPS * math.log(value / low) / math.log(high / low))
    return round(_STEPS * (value - low) / (high - low))


def _value_at(parameter: Parameter, step: int) -> float | int:
    """The value of a slider's step: as many steps for each factor of ten where the range spans several."""
    low, high = parameter.range
    value = low * (high / low) ** (step / _STEPS) if is_logarithmic(parameter) else low + (high - low) * step / _STEPS
    return round(value) if parameter.type is int else float(f"{value:.3g}")
