"""The section "Mask": correcting the mask of the last result, and what running again from it takes."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from .estimate import time_of_rerun
from .masks import edit
from .study import recipe_of


class MaskSection:
    """Offers to edit a mask and to run again from it, or says what is missing for that.

    Parameters
    ----------
    ui : object
        The widgets of the panel.
    """

    def __init__(self, ui) -> None:
        self.ui = ui
        self._parameters = None
        self._tool_tips = {name: getattr(ui, name).toolTip for name in ("editMaskButton", "rerunButton")}
        ui.editMaskButton.connect("clicked(bool)", self._edit)

    def show(self, parameters, study) -> None:
        """Show what can be done with the mask of the parameters.

        Parameters
        ----------
        parameters : QSMReconstructionParameterNode
        study : StudySection
            Shows the same parameters already.
        """
        self._parameters = parameters
        no_result = "" if parameters.resultMask else _("There is no result yet.")
        missing = {
            "editMaskButton": "" if parameters.mask or parameters.resultMask else
            _("There is no mask yet: choose a segmentation, or reconstruct once."),
            "rerunButton": no_result or study.missing,
        }
        for name, sentence in missing.items():
            button = getattr(self.ui, name)
            button.enabled = not sentence
            button.toolTip = sentence or self._tool_tips[name]
        self.ui.rerunLabel.visible = not missing["rerunButton"]
        if not missing["rerunButton"]:
            changed, inside = time_of_rerun(study.scan, recipe_of(parameters), slicer.app.userSettings())
            self.ui.rerunLabel.text = _(
                "A rerun takes about {changed} where the outer edge of the mask has changed, and about {inside} where "
                "only small holes inside have: the field is then as before."
            ).format(changed=changed, inside=inside)

    def _edit(self) -> None:
        parameters = self._parameters
        edit(parameters.mask or parameters.resultMask, parameters.magnitude, parameters.result)
