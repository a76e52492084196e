"""The stand-in of `qt` has the manners of PythonQt, so that code which Slicer would refuse fails here, too."""

import pytest


@pytest.fixture
def qt(application):
    import qt

    return qt


def test_a_property_is_an_attribute_and_hides_its_getter(qt):
    label = qt.QLabel("ppm")
    assert label.text == "ppm"
    with pytest.raises(TypeError):
        label.text()


def test_a_property_can_be_assigned_and_has_its_setter(qt):
    button = qt.QPushButton()
    button.enabled = False
    assert not button.enabled
    button.setEnabled(True)
    assert button.enabled
    assert button.isEnabled()


def test_the_name_is_the_object_name(qt):
    label = qt.QLabel()
    label.name = "unitLabel"
    assert (label.name, label.objectName) == ("unitLabel", "unitLabel")
    assert label.className() == "QLabel"


def test_dynamic_properties_and_named_children_are_attributes(qt):
    widget = qt.QWidget()
    child = qt.QLabel(widget)
    child.setObjectName("inner")
    widget.setProperty("SlicerParameterName", "phase")
    assert widget.inner is child
    assert widget.SlicerParameterName == "phase"
    with pytest.raises(AttributeError, match="no attribute named 'outer'"):
        _ = widget.outer


def test_what_a_cpp_object_does_not_have_cannot_be_assigned(qt):
    with pytest.raises(AttributeError, match="'tooltip' does not exist on QLabel"):
        qt.QLabel().tooltip = "misspelled"
    with pytest.raises(AttributeError, match="Slot 'clear' can not be overwritten"):
        qt.QLabel().clear = None


def test_a_class_of_a_module_may_have_attributes_of_its_own(qt):
    class Form(qt.QWidget):
        pass

    form = Form()
    form.rows = 3
    assert form.rows == 3


def test_assigned_values_are_converted_as_pythonqt_converts_them(qt, scene):
    button, label, spin_box = qt.QPushButton(), qt.QLabel(), qt.QSpinBox()
    for value in (None, [], 0, ""):
        button.enabled = value
        assert not button.enabled, value
    for value in (scene, [1], "no"):
        button.enabled = value
        assert button.enabled, value
    label.text = 0.5
    assert label.text == "0.5"
    spin_box.value = 2.7
    assert spin_box.value == 2


def test_values_that_cannot_be_converted_and_constants_are_refused(qt):
    with pytest.raises(AttributeError, match="does not accept an object of type str"):
        qt.QSpinBox().value = "3"
    with pytest.raises(AttributeError, match="does not accept an object of type str"):
        qt.QLabel().pixmap = "picture.png"
    with pytest.raises(AttributeError, match="not writable"):
        qt.QWidget().width = 100


def test_what_pythonqt_takes_for_a_parent_or_a_title_is_taken(qt):
    parent = qt.QWidget()
    label = qt.QLabel("ppm", parent)
    label.setParent(0)
    assert label.parent() is None
    assert qt.QMenu(object()).title.startswith("<object object")


def test_names_of_qt_5_that_qt_6_gave_up_are_there(qt):
    seen, buttons = [], [qt.QPushButton(text) for text in ("first", "second")]
    mapper, combo_box, layout = qt.QSignalMapper(), qt.QComboBox(), qt.QHBoxLayout()
    mapper.connect("mapped(const QString&)", seen.append)
    for button in buttons:
        mapper.setMapping(button, button.text)
        button.connect("clicked()", mapper, "map()")
    buttons[1].click()
    combo_box.addItems(["a", "b"])
    combo_box.connect("currentIndexChanged(QString)", seen.append)
    combo_box.currentIndex = 1
    assert seen == ["second", "b"]
    layout.margin = 3
    assert (layout.margin, layout.contentsMargins.top()) == (3, 3)
    screen = qt.QDesktopWidget()
    assert screen.availableGeometry(screen.primaryScreen).width() > 0
    field = qt.QLineEdit()
    field.setValidator(qt.QRegExpValidator(qt.QRegExp("[a-z]+"), field))
    field.text = "1"
    assert not field.acceptableInput


def test_enumerations_are_integers(qt):
    box, slider, label, item = qt.QCheckBox(), qt.QSlider(), qt.QLabel(), qt.QTableWidgetItem("1.5 ppm")
    box.setCheckState(2)
    assert box.checked and box.checkState() == 2 == qt.Qt.Checked
    slider.setOrientation(1)
    assert slider.orientation == qt.Qt.Horizontal == 1
    label.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignTop)
    assert label.alignment == 0x22
    label.alignment = 0x84
    assert label.alignment == qt.Qt.AlignCenter
    item.setFlags(33)
    assert item.flags() & ~qt.Qt.ItemIsEnabled == qt.Qt.ItemIsSelectable
    assert qt.Qt.UserRole + 1 == 257
    with pytest.raises(TypeError):
        box.setCheckState("on")


def test_members_of_enumerations_are_attributes_of_objects(qt):
    assert qt.QMessageBox().Ok == qt.QMessageBox.Ok
    assert qt.QTableWidget().SelectRows == qt.QAbstractItemView.SelectRows


def test_a_property_hides_the_getter_of_a_derived_class_too(qt):
    layout = qt.QVBoxLayout()
    layout.spacing = 7
    assert (layout.spacing, layout.count()) == (7, 0)


def test_size_hints_are_attributes_and_can_be_overridden(qt):
    class Row(qt.QWidget):
        pass

    class Square(qt.QWidget):
        def sizeHint(self):
            return qt.QSize(50, 50)

    row, square = Row(), Square()
    layout = qt.QHBoxLayout(row)
    layout.addWidget(square)
    layout.addWidget(qt.QLabel("ppm"))
    row.show()
    assert row.sizeHint.width() > 50 and row.minimumSizeHint.height() > 0
    assert row.sizeHint.height() >= 50
    assert qt.QLabel("ppm").sizeHint.width() < qt.QLabel("ppm and more").sizeHint.width()


def test_a_null_pointer_may_be_written_as_zero(qt):
    assert qt.QLabel("ppm", 0).text == "ppm"
    assert qt.QGroupBox(0).parent() is None
    with pytest.raises(TypeError):
        qt.QLabel("ppm", 1)


def test_a_dialog_whose_constructor_skips_a_class_is_a_dialog(qt):
    class Editor(qt.QDialog):
        def __init__(self, parent=None):
            super(qt.QDialog, self).__init__(parent)
            self.setLayout(qt.QVBoxLayout())

    editor = Editor()
    editor.modal = True
    editor.done(1)
    assert editor.result() == 1


def test_children_are_found_by_the_name_of_their_class(qt):
    parent = qt.QWidget()
    buttons = [qt.QPushButton(parent), qt.QToolButton(parent)]
    buttons[1].name = "tool"
    assert parent.findChildren("QAbstractButton") == buttons
    assert parent.findChildren("QAbstractButton", "tool") == [buttons[1]]
    assert parent.findChild("QPushButton") is buttons[0]
    assert parent.findChild("QSlider") is None


def test_an_object_is_destroyed_by_its_method_delete(qt):
    label = qt.QLabel()
    label.delete()
    with pytest.raises((RuntimeError, ValueError)):
        _ = label.text


def test_menus_processes_and_timers_are_connected_like_other_objects(qt, application):
    import sys

    seen, menu, process = [], qt.QMenu(), qt.QProcess()
    menu.connect("aboutToShow()", lambda: seen.append("menu"))
    menu.aboutToShow.emit()
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: seen.append((code, int(status))))
    process.start(sys.executable, ["-c", "raise SystemExit(3)"])
    assert process.waitForFinished(10000)
    dialog = qt.QDialog()
    qt.QTimer.singleShot(0, dialog.accept)
    qt.QTimer.singleShot(0, lambda: seen.append("timer"))
    application.processEvents()
    assert seen == ["menu", (3, 0), "timer"]
    assert dialog.result() == 1


def test_text_is_written_to_devices(qt, tmp_path):
    file = qt.QTemporaryFile(str(tmp_path / "XXXXXX.txt"))
    assert file.open()
    assert file.write("4.6 ms") == 6
    file.close()
    with open(file.fileName(), encoding="utf-8") as written:
        assert written.read() == "4.6 ms"


def test_regular_expressions_and_stop_watches_of_qt_5(qt):
    expression, watch = qt.QRegExp("e(\\d+)"), qt.QTime()
    assert expression.indexIn("magnitude_e12.nii") == 10
    assert (expression.cap(1), expression.matchedLength()) == ("12", 3)
    assert not expression.exactMatch("e1x") and expression.exactMatch("e1")
    assert expression.indexIn("phase") == expression.matchedLength() == -1
    watch.start()
    assert 0 <= watch.elapsed() < 1000
    assert qt.QPalette.Background == qt.QPalette.Window


def test_a_slot_gets_as_many_arguments_as_it_takes(qt):
    button = qt.QPushButton()
    seen = []
    button.connect("clicked(bool)", lambda: seen.append("none"))
    button.connect("clicked(bool)", lambda checked: seen.append(checked))
    button.connect("clicked(bool)", lambda *arguments: seen.append(arguments))
    button.connect("clicked()", lambda checked="default": seen.append(checked))
    button.clicked.connect(lambda: seen.append("bound"))
    button.click()
    assert seen == ["none", False, (False,), "default", "bound"]


def test_overloads_are_told_apart_by_their_arguments(qt):
    combo_box = qt.QComboBox()
    combo_box.addItems(["default", "preview"])
    seen = []
    combo_box.connect("currentIndexChanged(int)", seen.append)
    combo_box.connect("currentTextChanged(QString)", seen.append)
    combo_box.currentIndex = 1
    assert sorted(seen, key=str) == [1, "preview"]


def test_a_connection_can_be_undone(qt):
    button = qt.QPushButton()
    seen = []
    button.connect("clicked()", lambda: seen.append(1))
    button.connect("clicked()", seen.clear)
    assert button.disconnect("clicked()", seen.clear)
    button.click()
    assert seen == [1]
    assert not button.disconnect("clicked()", seen.clear)
    assert button.disconnect("clicked()")
    button.click()
    assert seen == [1]


def test_a_signal_that_does_not_exist_is_an_error(qt):
    with pytest.raises(RuntimeError, match=r"Signal 'pressedd\(\)' does not exist on QPushButton"):
        qt.QPushButton().connect("pressedd()", print)


def test_an_exception_in_a_slot_is_kept_for_the_test(qt, escaped_exceptions):
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert isinstance(escaped_exceptions.pop(), ZeroDivisionError)


def test_an_exception_in_an_observer_is_kept_for_the_test(scene, escaped_exceptions):
    tag = scene.AddObserver(scene.NodeAddedEvent, lambda caller, event: 1 / 0)
    scene.AddNewNodeByClass("vtkMRMLTextNode")
    scene.RemoveObserver(tag)
    assert isinstance(escaped_exceptions.pop(), ZeroDivisionError)


UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class>
<widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout">
<item><widget class="{widget}" name="inner"><property name="{property}"><bool>false</bool></property></widget></item>
</layout></widget>
<connections><connection><sender>Panel</sender><signal>{signal}</signal>
<receiver>{receiver}</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""

RIGHT = {
    "widget": "qMRMLNodeComboBox",
    "property": "addEnabled",
    "signal": "mrmlSceneChanged(vtkMRMLScene*)",
    "receiver": "inner",
}


def load_ui(folder, **changes):
    import slicer

    path = folder / "Panel.ui"
    path.write_text(UI.format(**{**RIGHT, **changes}), encoding="utf-8")
    return slicer.util.loadUI(str(path))


def test_a_ui_file_is_loaded_with_its_connections(qt, scene, tmp_path):
    import slicer

    panel = load_ui(tmp_path)
    ui = slicer.util.childWidgetVariables(panel)
    assert type(ui.inner) is slicer.qMRMLNodeComboBox
    assert not ui.inner.addEnabled
    panel.setMRMLScene(scene)
    assert ui.inner.mrmlScene() is scene


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"widget": "qMRMLUnheardOfWidget"}, "'inner' is a qMRMLUnheardOfWidget, which has no stand-in"),
        ({"property": "addEnabledd"}, "qMRMLNodeComboBox has no property 'addEnabledd'"),
        ({"widget": "QLabel", "property": "addEnabled"}, "QLabel has no property 'addEnabled'"),
        ({"receiver": "outer"}, "unknown widget 'outer'"),
        ({"signal": "sceneChanged()"}, r"Signal 'sceneChanged\(\)' does not exist"),
    ],
)
def test_a_ui_file_that_names_what_does_not_exist_is_refused(qt, tmp_path, changes, reason):
    with pytest.raises(RuntimeError, match=reason):
        load_ui(tmp_path, **changes)
