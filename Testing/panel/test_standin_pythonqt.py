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


def test_values_of_another_type_and_constants_are_refused(qt):
    with pytest.raises(AttributeError, match="does not accept an object of type float"):
        qt.QLabel().text = 0.5
    with pytest.raises(AttributeError, match="not writable"):
        qt.QWidget().width = 100


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
