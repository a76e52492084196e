"""The table of echoes: what is magnitude, what is phase, at which echo time, and how that is known."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from .study import FURTHER_ECHOES, echo_times_ms, echoes_of, further, is_sequence

_ECHO, _MAGNITUDE, _PHASE, _TIME, _SOURCE = range(5)
_ROW_HEIGHT = 24
#: Width in pixels of the column that says where an echo time was found, if a scan carries it and if it does not.
_SOURCE_WIDTH, _ENTERED_WIDTH = 112, 62


class EchoTable:
    """Shows the echoes in a QTableWidget and writes what the user changes to the parameters.

    Parameters
    ----------
    table : QTableWidget
    add, remove, reset : QPushButton
        Add another echo of volumes, take the last one off, forget echo times that were entered.
    """

    def __init__(self, table, add, remove, reset) -> None:
        self.table, self._add, self._remove, self._reset = table, add, remove, reset
        self._parameters = self._shown = None
        self._showing = False
        table.setColumnCount(5)
        table.setHorizontalHeaderLabels([_("Echo"), _("Magnitude"), _("Phase"), _("TE (ms)"), _("Source")])
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setFixedHeight(_ROW_HEIGHT)
        for column, mode in enumerate(
            (qt.QHeaderView.ResizeToContents, qt.QHeaderView.Stretch, qt.QHeaderView.Stretch,
             qt.QHeaderView.ResizeToContents, qt.QHeaderView.Fixed)
        ):
            header.setSectionResizeMode(column, mode)
        table.setWordWrap(False)
        table.setTextElideMode(qt.Qt.ElideMiddle)  # what tells echoes apart stands at the end of their names
        table.setVerticalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        table.setTabKeyNavigation(False)  # so that Tab leaves the table
        table.connect("cellChanged(int,int)", self._edited)
        add.connect("clicked(bool)", self._add_echo)
        remove.connect("clicked(bool)", self._remove_echo)
        reset.connect("clicked(bool)", self._reset_times)

    def show(self, parameters, known_times: list[float] | None, source: str) -> None:
        """Show the echoes of the parameters.

        Parameters
        ----------
        parameters : QSMReconstructionParameterNode
        known_times : list of float or None
            Echo times in ms that the scan carries.
        source : str
            Where they were found.
        """
        self._parameters, self._shown = parameters, (parameters, known_times, source)
        rows = self._rows()
        entered = echo_times_ms(parameters)
        times = entered or known_times or []
        volumes = bool(rows) and not (is_sequence(parameters.magnitude) or is_sequence(parameters.phase))
        self._showing = True
        self.table.setRowCount(len(rows))
        for row, (magnitude, phase) in enumerate(rows):
            self._set_cell(row, _ECHO, str(row + 1))
            for column, role, shown in ((_MAGNITUDE, "magnitude", magnitude), (_PHASE, "phase", phase)):
                if row and volumes:
                    self._set_selector(row, column, role, shown)
                else:
                    self.table.removeCellWidget(row, column)
                    self._set_cell(row, column, shown)
                    chosen = getattr(parameters, role)
                    self.table.item(row, column).setToolTip(f"{chosen.GetName()}, {shown}" if chosen else shown)
            time = f"{times[row]:g}" if row < len(times) and times[row] else ""
            self._set_cell(row, _TIME, time, editable=True)
            told = _("entered") if entered and time else source if time else _("missing")
            self._set_cell(row, _SOURCE, _in_short(told))
            self.table.item(row, _SOURCE).setToolTip(told)
            self.table.setRowHeight(row, _ROW_HEIGHT)
        self._showing = False
        self.table.setFixedHeight(_ROW_HEIGHT * (len(rows) + 1) + 4)
        self.table.setColumnWidth(_SOURCE, _SOURCE_WIDTH if source else _ENTERED_WIDTH)
        self.table.visible = bool(rows)
        self._add.visible, self._remove.visible = volumes, volumes
        self._remove.enabled = len(rows) > 1
        self._remove.toolTip = _("Take the last echo off") if len(rows) > 1 else _("There is no second echo")
        self._reset.visible = bool(entered) and known_times is not None

    def _rows(self) -> list[tuple]:
        """Magnitude and phase of each echo: names of what the selectors above choose, nodes in further rows."""
        columns = []
        for role in ("magnitude", "phase"):
            first, *others = echoes_of(self._parameters, role)
            if is_sequence(first):
                items = range(1, first.GetNumberOfDataNodes() + 1)
                columns.append([_("item {number}").format(number=item) for item in items])
            else:
                columns.append([first.GetName() if first else "", *others])
        if columns[0] == columns[1] == [""]:
            return []
        count = max(map(len, columns))
        return list(zip(*(column + [""] * (count - len(column)) for column in columns)))

    def _set_cell(self, row: int, column: int, text: str, editable: bool = False) -> None:
        item = self.table.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem()
            self.table.setItem(row, column, item)
        flags = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
        item.setFlags(flags | qt.Qt.ItemIsEditable if editable else flags)
        item.setText(text)
        item.setToolTip(text)

    def _set_selector(self, row: int, column: int, role: str, node) -> None:
        selector = self.table.cellWidget(row, column)
        if selector is None:
            selector = slicer.qMRMLNodeComboBox()
            selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
            selector.showChildNodeTypes = False
            selector.noneEnabled = True
            selector.addEnabled = selector.removeEnabled = False
            selector.setMRMLScene(slicer.mrmlScene)
            selector.setCurrentNode(node or None)
            selector.connect(
                "currentNodeChanged(vtkMRMLNode*)", lambda chosen: self._volume_chosen(role, row - 1, chosen)
            )
            self.table.setCellWidget(row, column, selector)
        else:
            selector.setCurrentNode(node or None)
        words = _("Magnitude of this echo") if role == "magnitude" else _("Phase of this echo")
        selector.toolTip = f"{words}: {node.GetName()}" if node else words

    def _volume_chosen(self, role: str, index: int, node) -> None:
        if not self._showing:
            reference = node.GetID() if node else None
            self._parameters.parameterNode.SetNthNodeReferenceID(FURTHER_ECHOES[role], index, reference)

    def forget_entries(self) -> None:
        """Forget echo times and further echoes: the user has chosen another scan."""
        parameters = self._parameters
        modifying = parameters.StartModify()
        for role in FURTHER_ECHOES.values():
            parameters.parameterNode.RemoveNodeReferenceIDs(role)
        parameters.echoTimes = ""
        parameters.EndModify(modifying)

    def _add_echo(self) -> None:
        parameters = self._parameters
        count = further(parameters)
        offered = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
                   if node.GetClassName() == "vtkMRMLScalarVolumeNode"]
        modifying = parameters.StartModify()
        for role in FURTHER_ECHOES:
            used = [node for other in FURTHER_ECHOES for node in echoes_of(parameters, other)]
            free = next((node for node in offered if node not in used), getattr(parameters, role))
            parameters.parameterNode.SetNthNodeReferenceID(FURTHER_ECHOES[role], count, free.GetID() if free else None)
        parameters.EndModify(modifying)
        self._store_times()

    def _remove_echo(self) -> None:
        parameters = self._parameters
        last = further(parameters) - 1
        modifying = parameters.StartModify()
        for role in FURTHER_ECHOES.values():
            parameters.parameterNode.RemoveNthNodeReferenceID(role, last)
        parameters.EndModify(modifying)
        self._store_times()

    def _reset_times(self) -> None:
        self._parameters.echoTimes = ""

    def _edited(self, row: int, column: int) -> None:
        if not self._showing and column == _TIME:
            self._store_times()

    def _store_times(self) -> None:
        """Keep what stands in the column; what is no time counts as missing."""
        times = []
        for row in range(self.table.rowCount):
            item = self.table.item(row, _TIME)
            try:
                times.append(max(float(item.text().replace(",", ".")), 0.0))
            except ValueError:
                times.append(0.0)
        text = " ".join(f"{time:g}" for time in times) if any(times) else ""
        self._parameters.echoTimes = text
        self.show(*self._shown)  # also if nothing has changed: a text that is no number must go


def _in_short(source: str) -> str:
    """What fits into the column of where an echo time was found."""
    return source.rpartition("loaded from ")[2].partition(" or ")[0]
