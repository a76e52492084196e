"""Texture against the published values of IBSI, and on patterns whose matrices are written down by hand."""

import math

import numpy as np
import pytest

from QSMReconstructionCore.grid import Grid
from QSMRoiAnalysisCore.maps import SusceptibilityMap
from QSMRoiAnalysisCore.regions import Region
from QSMRoiAnalysisCore.table import read_table, write_table
from QSMRoiAnalysisCore.texture import TextureFeature, texture
from QSMRoiAnalysisCore.texture.cooccurrence import cooccurrence_features, cooccurrence_matrix
from QSMRoiAnalysisCore.texture.gray_levels import gray_levels
from QSMRoiAnalysisCore.texture.run_length import run_length_features, run_length_matrix
from QSMRoiAnalysisCore.texture.size_zone import size_zone_features, size_zone_matrix

#: The digital phantom of IBSI (https://github.com/theibsi/data_sets, CC BY 4.0); 0 lies outside the region. Values of
#: the merged features do not depend on the order of the axes.
PHANTOM = np.array([
    [[4, 4, 1, 1], [4, 4, 1, 1], [6, 6, 6, 6], [4, 1, 1, 1], [1, 1, 1, 1]],
    [[4, 0, 1, 1], [1, 1, 1, 1], [6, 3, 0, 1], [4, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [4, 1, 1, 1], [6, 6, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [4, 4, 4, 4], [4, 4, 4, 4], [1, 1, 0, 0], [1, 1, 0, 0]],
])

#: Published values: IBSI code -> value for the digital phantom, 3D, directions merged. As printed, to three digits.
PUBLISHED = {
    "first order": {
        "Q4LE": 2.15, "ECT3": 3.05, "KE2A": 1.08, "IPH6": -0.355, "Y12H": 1, "1GSF": 1, "QG58": 1, "8DWT": 4, "84IY": 6,
        "SALO": 3, "2OJQ": 5, "4FUA": 1.55, "1128": 1.11, "N72L": 1.15, "7TET": 0.812, "9S40": 0.6, "N8CA": 567,
        "5ZWQ": 2.77, "TLU2": 1.27, "BJ5W": 0.512,
    },
    "GLCM": {
        "GYBY": 0.509, "60VM": 2.15, "UR99": 3.13, "TU9B": 2.57, "TF7R": 1.38, "D3YU": 3.21, "NTRS": 1.64, "ZGXS": 4.3,
        "OEEB": 7.41, "P6QZ": 2.11, "8ZQL": 0.291, "ACUI": 5.12, "8S9J": 1.38, "IB1Z": 0.688, "NDRX": 0.856,
        "WF0Z": 0.631, "1QCO": 0.902, "E8JP": 0.0574, "NI2N": 0.183, "QWB0": 5.19, "DG8W": 7.41, "7NFM": 17.4,
        "AE86": 147, "R8DG": -0.0288, "JN9H": 0.269,
    },
    "GLRLM": {
        "22OV": 0.729, "W4KF": 2.76, "V3SW": 0.607, "G3QZ": 9.64, "HTZT": 0.372, "GD3A": 8.67, "IVPO": 2.16,
        "3KUM": 15.6, "R5YN": 281, "OVBL": 0.43, "W92Y": 328, "IC23": 0.501, "9ZK5": 0.68, "8CE5": 3.48, "SXLW": 0.598,
        "HJ9O": 2.62,
    },
    "GLSZM": {
        "P001": 0.255, "48P8": 550, "XMSY": 0.253, "5GN9": 15.6, "5RAI": 0.0256, "HW1V": 2.76, "YH51": 503,
        "J17V": 1490, "JNSA": 1.4, "Y1RO": 0.28, "4JP3": 1, "VB3A": 0.2, "P30P": 0.0676, "BYLV": 2.64, "3NSA": 331,
        "GU8N": 2.32,
    },
}


def rows_of(values, inside, factor=1.0, **more):
    grid = Grid(values.shape)
    region = Region.from_mask("SN left", 1, inside)
    return texture(SusceptibilityMap(values * factor, grid, "ppb", name="chi"), [region], **more)


def phantom_rows(**more):
    return rows_of(PHANTOM.astype(float), PHANTOM > 0, **{"bin_width": 1.0, "lowest": 1.0, **more})


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_digital_phantom_has_the_published_values(family):
    found = {row.ibsi: row.value for row in phantom_rows() if row.family == family}
    assert found.keys() == PUBLISHED[family].keys()
    for code, published in PUBLISHED[family].items():
        digit = 10.0 ** (math.floor(math.log10(abs(published))) - 2)  # the third significant one
        assert found[code] == pytest.approx(published, abs=0.501 * digit), code


def test_texture_depends_neither_on_the_order_nor_on_the_direction_of_axes():
    expected = [row.value for row in phantom_rows()]
    for turned in (PHANTOM.transpose(2, 0, 1), PHANTOM[::-1, :, ::-1], np.pad(PHANTOM, 2)):
        rows = rows_of(turned.astype(float), turned > 0, bin_width=1, lowest=1)
        assert [row.value for row in rows] == pytest.approx(expected, rel=1e-9)


def test_the_matrices_of_a_line_are_those_written_by_hand():
    line = np.array([1, 1, 2, 2, 2, 1]).reshape(1, 1, 6)
    assert cooccurrence_matrix(line).tolist() == [[2, 2], [2, 4]]
    runs = run_length_matrix(line)
    assert runs[0, :3].tolist() == [12 * 3 + 1, 1, 0] and runs[1, :3].tolist() == [12 * 3, 0, 1]
    assert size_zone_matrix(line).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_zones_meet_at_corners_and_runs_go_along_diagonals():
    corners = np.zeros((3, 3, 3), int)
    corners[0, 0, 0] = corners[1, 1, 1] = corners[2, 2, 2] = 1
    assert size_zone_matrix(corners).tolist() == [[0, 0, 1]]
    assert run_length_matrix(corners).tolist() == [[12 * 3, 0, 1]]
    assert cooccurrence_matrix(corners).tolist() == [[4]]


def test_a_uniform_region_has_the_extreme_values_of_its_closed_form():
    same = np.ones((3, 4, 5), int)
    found = {name: value for (name, _), value in cooccurrence_features(same).items()}
    assert (found["joint maximum"], found["joint entropy"], found["contrast"]) == (1, 0, 0)
    assert math.isnan(found["correlation"])
    zones = {name: value for (name, _), value in size_zone_features(same).items()}
    assert (zones["large zone emphasis"], zones["zone percentage"]) == (3600, 1 / 60)


def test_a_checkerboard_and_its_smooth_opposite_are_told_apart():
    board = np.indices((6, 6, 6)).sum(axis=0) % 2 + 1
    halves = np.broadcast_to(np.arange(6) // 3 + 1, (6, 6, 6))
    rough, smooth = ({name: value for (name, _), value in cooccurrence_features(x).items()} for x in (board, halves))
    assert rough["contrast"] > smooth["contrast"] and rough["correlation"] < 0.1 < smooth["correlation"]
    long = [run_length_features(x)["long run emphasis", "W4KF"] for x in (board, halves)]
    assert long[0] < long[1]


def test_a_single_voxel_has_no_pairs():
    (one,) = {row.value for row in rows_of(np.ones((1, 1, 1)), np.ones((1, 1, 1), bool)) if row.ibsi == "ACUI"}
    assert math.isnan(one)


def test_gray_levels_are_bins_in_ppb_whatever_the_unit_and_the_reference():
    values = np.array([0.0, 9.99, 10.0, 25.0])
    assert gray_levels(values, 10.0).tolist() == [1, 1, 2, 3]
    assert gray_levels(values, 10.0, -20.0).tolist() == [3, 3, 4, 5]
    single = np.arange(0, 200, 10, dtype=np.float32) / np.float32(1000)
    assert gray_levels(single.astype(float) * 1000, 10.0, 0.0).tolist() == list(range(1, 21))
    grid = Grid(PHANTOM.shape)
    region = Region.from_mask("SN left", 1, PHANTOM > 0)
    in_ppm = texture(SusceptibilityMap(PHANTOM / 1000, grid, "ppm"), [region], bin_width=1.0, lowest=1.0)
    assert [row.value for row in in_ppm] == pytest.approx([row.value for row in phantom_rows()], rel=1e-6)


def test_only_voxels_inside_the_mask_have_texture():
    filled = np.where(PHANTOM, PHANTOM, 9).astype(float)
    susceptibility = SusceptibilityMap(filled, Grid(PHANTOM.shape), "ppb", mask=PHANTOM > 0, name="chi")
    whole = Region.from_mask("SN left", 1, np.ones(PHANTOM.shape, bool))
    outside = Region.from_mask("RN left", 2, PHANTOM == 0)
    assert texture(susceptibility, [whole, outside], bin_width=1, lowest=1) == phantom_rows()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"bin_width": 0}, "SN left: bin_width must be a positive number"),
        ({"lowest": 2.0}, "SN left: lowest is 2, but the smallest value is 1"),
        ({"bin_width": 1e-3}, "gray levels; at most 1000"),
        ({"reference": "Pons"}, "no region 'Pons'"),
    ],
)
def test_gray_levels_of_no_use_are_refused(more, message):
    with pytest.raises(ValueError, match=message):
        phantom_rows(**more)


def test_the_table_of_texture_reads_back(tmp_path):
    rows = phantom_rows()
    write_table(tmp_path / "T.tsv", rows)
    read = read_table(tmp_path / "T.tsv", TextureFeature)
    assert [row.value for row in read] == pytest.approx([row.value for row in rows], rel=1e-6)
    assert {(row.levels, row.bin_width_ppb, row.lowest_ppb, row.voxels) for row in read} == {(6, 1, 1, 74)}
    assert len({row.ibsi for row in read}) == len(read) == 77
