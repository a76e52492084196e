"""The section "Recipe", and the forms of stages that stand in the sections of mask and outputs."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from QSMReconstructionCore.methods import METHODS, STAGES
from QSMReconstructionCore.recipe import PRESETS, Recipe

from .estimate import estimate
from .stage_form import StageForm
from .study import recipe_of


class RecipeSection:
    """Lets the user choose a preset and change it; the parameters hold what differs from the preset.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._parameters = None
        for name, preset in PRESETS.items():
            ui.presetComboBox.addItem(_(preset.title), name)
            ui.presetComboBox.setItemData(ui.presetComboBox.count - 1, _(preset.purpose), qt.Qt.ToolTipRole)
        ui.presetComboBox.connect("activated(int)", self._preset_chosen)
        homes = {"mask": ui.maskMethodWidget, "reference": ui.referenceWidget}
        self.forms: dict[str, StageForm] = {}
        for stage in STAGES:
            home = homes.get(stage)
            if home is None and len(METHODS[stage]) == 1 and not next(iter(METHODS[stage].values())).parameters:
                continue  # nothing to choose
            if home is None:
                home = qt.QWidget(ui.advancedGroupBox)
                ui.advancedGroupBox.layout().addWidget(home)
            self.forms[stage] = StageForm(stage, home, lambda values, stage=stage: self.change(stage, values))
        ui.loadRecipeButton.connect("clicked(bool)", self._load)
        ui.saveRecipeButton.connect("clicked(bool)", self._save)

    def show(self, parameters, scan) -> None:
        """Show the recipe of the parameters, and what it costs for a scan."""
        self._parameters = parameters
        recipe = recipe_of(parameters)
        ui = self.ui
        ui.presetComboBox.currentIndex = ui.presetComboBox.findData(parameters.preset)
        purpose = _(PRESETS[parameters.preset].purpose)
        ui.presetPurposeLabel.text = f"{purpose} {_('Changed below.')}" if parameters.recipe else purpose
        for stage, form in self.forms.items():
            form.show(recipe.stages[stage])
        ui.maskMethodWidget.visible = parameters.mask is None
        given = parameters.mask is not None
        costs = estimate(scan, recipe, given, slicer.app.userSettings()) if scan else _("known when a scan is chosen")
        ui.estimateValue.text = costs

    def _preset_chosen(self, index: int) -> None:
        modifying = self._parameters.StartModify()
        self._parameters.preset = self.ui.presetComboBox.itemData(index)
        self._parameters.recipe = ""
        self._parameters.EndModify(modifying)

    def change(self, stage: str, values: dict) -> None:
        """Replace a stage's part of the recipe, and another method that no longer fits a new one."""
        recipe = recipe_of(self._parameters)
        if values["method"] != recipe.stages[stage]["method"]:
            recipe = recipe.with_method(stage, values["method"])
        self._keep(Recipe({**recipe.stages, stage: values}))

    def _keep(self, recipe: Recipe) -> None:
        """Keep a recipe, if it is not the preset as it is."""
        changed = recipe != Recipe.preset(self._parameters.preset)
        self._parameters.recipe = recipe.to_json() if changed else ""

    def _load(self) -> None:
        kinds = _("Recipes") + " (*.json)"
        path = qt.QFileDialog.getOpenFileName(self.ui.loadRecipeButton, _("Load recipe"), "", kinds)
        path = path[0] if isinstance(path, tuple) else path  # with the filter, or without
        if path:
            self.load(path)

    def load(self, path) -> None:
        """Take the recipe in a file; one that is not valid leaves everything as it is, with a message."""
        try:
            self._keep(Recipe.from_json(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as reason:
            slicer.util.errorDisplay(_("The recipe cannot be used: {reason}").format(reason=reason))

    def _save(self) -> None:
        path = qt.QFileDialog.getSaveFileName(
            self.ui.saveRecipeButton, _("Save recipe"), "recipe.json", _("Recipes") + " (*.json)"
        )
        path = path[0] if isinstance(path, tuple) else path
        if path:
            self.save(path)

    def save(self, path) -> None:
        """Write the recipe to a file."""
        try:
            Path(path).write_text(recipe_of(self._parameters).to_json() + "\n", encoding="utf-8")
        except OSError as reason:
            slicer.util.errorDisplay(_("The recipe cannot be written: {reason}").format(reason=reason))
