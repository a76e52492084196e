"""Measures of regions with known answers."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from QSMReconstructionCore.grid import Grid
from QSMReconstructionCore.io.nifti import write_nifti
from QSMRoiAnalysisCore.maps import MapReference, SusceptibilityMap, read_map
from QSMRoiAnalysisCore.measures import measure
from QSMRoiAnalysisCore.regions import Region, regions_from_labels
from QSMRoiAnalysisCore.remarks import remarks

GRID = Grid((6, 8, 10), spacing=(2.0, 1.0, 0.5))
TEN_VALUES = np.array([10, 12, 14, 15, 15, 16, 18, 22, 30, 48], float)


def box(*sides):
    mask = np.zeros(GRID.shape, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def row_of(values, **more):
    """The measures of one region that holds these values."""
    grid = Grid((1, 1, len(values)))
    region = Region.from_mask("SN left", 1, np.ones(grid.shape, bool))
    (row,) = measure(SusceptibilityMap(np.reshape(values, grid.shape), grid), [region], **more)
    return row


def test_the_measures_of_ten_values_are_those_worked_out_by_hand():
    row = row_of(TEN_VALUES)
    assert (row.region, row.side, row.voxels, row.volume_mm3) == ("SN", "left", 10, 10.0)
    assert row.mean == 20 and row.median == 15.5
    assert row.sd == pytest.approx(math.sqrt(1158 / 9), rel=1e-12)  # 1158 is the sum of squared deviations
    assert row.p75 - row.p25 == pytest.approx(6.75)
    assert row.p95 == pytest.approx(39.9)
    assert row.p5 == pytest.approx(10.9)


def test_a_linear_ramp_has_the_mean_sd_and_percentiles_of_its_closed_form():
    n = 1001
    row = row_of(np.linspace(-0.1, 0.1, n))
    assert row.mean == pytest.approx(0, abs=1e-12)
    assert row.median == pytest.approx(0, abs=1e-12)
    assert row.sd == pytest.approx(0.2 / (n - 1) * math.sqrt(n * (n + 1) / 12), rel=1e-12)
    assert (row.p5, row.p25, row.p75, row.p95) == pytest.approx((-0.09, -0.05, 0.05, 0.09))


def test_sums_are_exact_for_single_precision_maps_with_a_large_offset():
    values = np.full(200_001, 1000.0, np.float32)
    values[::2] += np.float32(0.0625)
    row = row_of(values)
    share = np.count_nonzero(values > 1000) / values.size
    assert row.mean == pytest.approx(1000 + 0.0625 * share, abs=1e-9)
    assert row.sd == pytest.approx(0.03125, rel=1e-4)


def test_volume_counts_the_voxel_size_of_the_map():
    region = Region.from_mask("Putamen", 1, box((0, 2), (0, 3), (0, 4)))
    (row,) = measure(SusceptibilityMap(np.zeros(GRID.shape), GRID), [region])
    assert row.voxels == 24 and row.volume_mm3 == pytest.approx(24.0)


def test_one_voxel_has_no_standard_deviation():
    row = row_of([0.1])
    assert row.mean == 0.1 and math.isnan(row.sd)


def test_only_voxels_inside_the_mask_are_measured_and_the_coverage_says_so():
    values = np.zeros(GRID.shape)
    values[:, :4] = 0.08
    region = Region.from_mask("SN right", 3, box((1, 3), (2, 6), (2, 8)))
    (row,) = measure(SusceptibilityMap(values, GRID, mask=box((0, 6), (0, 4), (0, 10))), [region])
    assert row.coverage == 0.5 and row.voxels == 24
    assert row.mean == pytest.approx(0.08) and row.sd == pytest.approx(0, abs=1e-15)


def test_the_part_of_a_region_beyond_the_field_of_view_lowers_its_coverage():
    region = Region.from_mask("M1 left", 1, box((0, 2), (0, 2), (0, 2)), in_field=0.25)
    (row,) = measure(SusceptibilityMap(np.ones(GRID.shape), GRID, mask=box((0, 1), (0, 2), (0, 2))), [region])
    assert row.coverage == 0.125


def test_a_region_outside_the_mask_has_a_row_without_values():
    regions = [Region.from_mask("SN left", 1, box((0, 1), (0, 1), (0, 1))),
               Region.from_mask("RN left", 2, box((5, 6), (5, 6), (5, 6))),
               Region.from_mask("STN left", 3, np.zeros(GRID.shape, bool), in_field=0.0),
               Region.from_mask("GPi left", 4, np.zeros(GRID.shape, bool))]
    rows = measure(SusceptibilityMap(np.ones(GRID.shape), GRID, mask=box((0, 2), (0, 2), (0, 2))), regions)
    assert [row.voxels for row in rows] == [1, 0, 0, 0]
    assert [row.coverage for row in rows[:3]] == [1.0, 0.0, 0.0] and math.isnan(rows[3].coverage)
    assert all(math.isnan(getattr(row, name)) for row in rows[1:] for name in ("mean", "sd", "median", "p5", "p95"))


def two_regions():
    """SN left at 0.12 and ventricles at 0.02 on either side, on a map whose voxels lie around these values."""
    labels = np.zeros(GRID.shape, int)
    labels[0:2], labels[2:4], labels[4:6] = 1, 2, 3
    wiggle = np.where(np.indices(GRID.shape).sum(axis=0) % 2, 0.01, -0.01)
    values = np.choose(labels - 1, (0.12, 0.015, 0.025)) + wiggle
    lookup = {1: "SN left", 2: "Lateral ventricle left", 3: "Lateral ventricle right"}
    return values, regions_from_labels(labels, lookup)


def test_a_reference_region_is_subtracted_by_name_and_its_mean_and_sd_are_kept():
    values, regions = two_regions()
    rows = measure(SusceptibilityMap(values, GRID), regions, reference="lateral ventricle right")
    assert [row.mean for row in rows] == pytest.approx([0.095, -0.01, 0.0], abs=1e-12)
    assert {row.reference for row in rows} == {"Lateral ventricle right"}
    assert rows[0].reference_mean == pytest.approx(0.025)
    assert rows[0].reference_sd == pytest.approx(0.01, rel=0.01)
    assert rows[0].sd == pytest.approx(measure(SusceptibilityMap(values, GRID), regions)[0].sd, rel=1e-12)


def test_a_reference_without_a_side_takes_both_sides_together():
    values, regions = two_regions()
    rows = measure(SusceptibilityMap(values, GRID), regions, reference="Lateral ventricle")
    assert rows[0].mean == pytest.approx(0.10) and rows[0].reference == "Lateral ventricle"


def test_the_unit_scales_every_susceptibility_and_nothing_else():
    values, regions = two_regions()
    susceptibility = SusceptibilityMap(values, GRID, reference=MapReference("whole brain", 0.0, 0.04))
    in_ppm, in_ppb = (measure(susceptibility, regions, unit=unit)[0] for unit in ("ppm", "ppb"))
    for name in ("mean", "sd", "median", "p5", "p25", "p75", "p95", "reference_sd"):
        assert getattr(in_ppb, name) == pytest.approx(1000 * getattr(in_ppm, name), rel=1e-12)
    assert (in_ppb.unit, in_ppb.voxels, in_ppb.volume_mm3) == ("ppb", in_ppm.voxels, in_ppm.volume_mm3)
    from_ppb = measure(SusceptibilityMap(values * 1000, GRID, "ppb"), regions, reference="SN left", unit="ppm")
    from_ppm = measure(SusceptibilityMap(values, GRID), regions, reference="SN left", unit="ppm")
    assert [row.mean for row in from_ppb] == pytest.approx([row.mean for row in from_ppm], abs=1e-12)


def test_without_a_new_reference_that_of_the_map_is_passed_on():
    values, regions = two_regions()
    known = MapReference("CSF of the ventricles", 0.02, 0.015)
    row = measure(SusceptibilityMap(values, GRID, reference=known), regions)[0]
    assert (row.reference, row.reference_mean, row.reference_sd) == ("CSF of the ventricles", 0.02, 0.015)
    unknown = measure(SusceptibilityMap(values, GRID), regions)[0]
    assert unknown.reference == "" and math.isnan(unknown.reference_mean)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "Hz"}, "unit must be ppm or ppb, but got 'Hz'"),
        ({"reference": "Pallidum"}, "no region 'Pallidum'"),
        ({"reference": "Lateral ventricle"}, "'Lateral ventricle' has no voxel inside the mask"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(change, message):
    values, regions = two_regions()
    with pytest.raises(ValueError, match=message):
        measure(SusceptibilityMap(values, GRID, mask=box((0, 2), (0, 8), (0, 10))), regions, **change)


def test_regions_that_are_all_empty_are_refused():
    empty = Region.from_mask("SN left", 1, np.zeros(GRID.shape, bool))
    with pytest.raises(ValueError, match="None of the regions has a voxel"):
        measure(SusceptibilityMap(np.zeros(GRID.shape), GRID), [empty])


def test_values_that_are_not_finite_are_an_error_inside_a_region_only():
    values, regions = two_regions()
    values[0, 0, :3] = np.nan
    with pytest.raises(ValueError, match=r"3 voxel\(s\) in SN left that are not finite"):
        measure(SusceptibilityMap(values, GRID), regions)
    assert measure(SusceptibilityMap(values, GRID), regions[1:])[0].mean == pytest.approx(0.015)
    rows = measure(SusceptibilityMap(values, GRID, mask=np.isfinite(values)), regions)
    assert np.isfinite(rows[0].mean) and rows[0].voxels == regions[0].voxels - 3


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        (np.zeros((2, 2, 2)), {}, "shape"),
        (np.zeros(GRID.shape, complex), {}, "real numbers"),
        (np.zeros(GRID.shape), {"unit": "Hz"}, "unit of the map must be ppm or ppb"),
        (np.zeros(GRID.shape), {"mask": np.zeros(GRID.shape)}, "mask is empty"),
        (np.zeros(GRID.shape), {"mask": np.ones((2, 2, 2))}, "mask must have the shape"),
    ],
)
def test_maps_that_are_no_susceptibility_volume_are_refused(values, more, message):
    with pytest.raises(ValueError, match=message):
        SusceptibilityMap(values, GRID, **more)


def test_unit_and_reference_are_read_from_the_file_beside_the_map(tmp_path):
    write_nifti(tmp_path / "chimap.nii.gz", np.full(GRID.shape, 25.0), GRID)
    facts = {"Units": "ppb", "Reference": {"region": "whole brain", "voxels": 9, "subtracted": 0.1, "mean": 0, "sd": 1}}
    (tmp_path / "chimap.json").write_text(json.dumps(facts))
    found = read_map(tmp_path / "chimap.nii.gz")
    assert (found.unit, found.name, found.reference.region) == ("ppb", "chimap", "whole brain")
    assert found.mask is None and read_map(tmp_path / "chimap.nii.gz", "ppm").unit == "ppm"


def test_a_map_of_this_software_is_defined_where_it_is_not_zero(tmp_path):
    values, regions = two_regions()
    values[:1] = 0
    write_nifti(tmp_path / "chimap.nii.gz", values, GRID)
    (tmp_path / "chimap.json").write_text(json.dumps({"Units": "ppm", "Recipe": {}}))
    row = measure(read_map(tmp_path / "chimap.nii.gz"), regions)[0]
    assert row.coverage == 0.5 and row.mean == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not valid JSON"), ("[]", "names and values"), ('{"Units": "Hz"}', "ppm or ppb"),
     ('{"Reference": {"mean": 0.1}}', "Reference in chimap.json")],
)
def test_a_damaged_file_beside_the_map_is_refused(tmp_path, text, message):
    write_nifti(tmp_path / "chimap.nii", np.zeros(GRID.shape), GRID)
    (tmp_path / "chimap.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_map(tmp_path / "chimap.nii")


def remarks_on(values, regions, mask=None, unit="ppm"):
    susceptibility = SusceptibilityMap(values, GRID, unit, mask=mask)
    return " ".join(remarks(susceptibility, regions, measure(susceptibility, regions)))


def test_sound_measurements_get_no_remark():
    values, regions = two_regions()
    assert remarks_on(values, regions) == ""


def test_remarks_name_what_limits_a_measurement():
    values, regions = two_regions()
    half = np.ones(GRID.shape, bool)
    half[1:2] = False
    assert "Only in part inside the mask and the field of view: SN left (50%)" in remarks_on(values, regions, half)
    small = Region.from_mask("STN left", 9, box((0, 1), (0, 3), (0, 4)))
    said = remarks_on(values, (*regions, small))
    assert "Fewer than 30 voxels: STN left (12)" in said
    assert "Regions share voxels: SN left and STN left (12 voxels)" in said
    empty = Region.from_mask("RN left", 9, np.zeros(GRID.shape, bool))
    assert "No voxel to measure in RN left" in remarks_on(values, (*regions, empty))
    values[0] = 0
    assert "exactly 0, as outside a brain mask: SN left" in remarks_on(values, regions)
    assert "exactly 0" not in remarks_on(values, regions, values != 0)


def test_a_mix_up_of_ppm_and_ppb_is_noticed_in_both_directions():
    values, regions = two_regions()
    assert "do not look like ppm but like ppb" in remarks_on(values * 1000, regions)
    assert "do not look like ppb but like ppm" in remarks_on(values, regions, unit="ppb")
    assert "look like" not in remarks_on(values * 1000, regions, unit="ppb")


def test_air_around_the_regions_is_not_taken_for_another_unit():
    values, regions = two_regions()
    values[2:] = 9.4
    assert "look like" not in remarks_on(values, regions[:1])


def two_sides(r_of_left, r_of_right):
    """Two nuclei at these positions toward the patient's right, in mm, on voxels whose axis i runs to the left."""
    flipped = Grid((4, 4, 40), direction=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), origin=(20.0, 0.0, 0.0))
    toward_right = np.broadcast_to(flipped.world_coordinates()[0], flipped.shape)
    regions = [
        Region.from_mask(f"Caudate {side}", n, np.isclose(toward_right, r))
        for n, (side, r) in enumerate((("left", r_of_left), ("right", r_of_right)))
    ]
    return flipped, regions


def test_sides_are_those_of_the_patient_also_where_the_image_runs_to_the_left():
    for positions, swapped in (((-14, 14), False), ((14, -14), True)):
        grid, regions = two_sides(*positions)
        assert [region.points(grid)[:, 0].mean() for region in regions] == pytest.approx(positions)
        susceptibility = SusceptibilityMap(np.full(grid.shape, 0.05), grid)
        said = " ".join(remarks(susceptibility, regions, measure(susceptibility, regions)))
        assert ("Left lies to the right of right in Caudate" in said) == swapped


@pytest.mark.parametrize(("sign", "flipped"), [(1, False), (-1, True)])
def test_a_map_of_the_other_sign_is_noticed_by_the_nuclei_that_hold_iron(sign, flipped):
    labels = np.zeros(GRID.shape, int)
    labels[0:2], labels[2:4], labels[4:6] = 1, 2, 3
    regions = regions_from_labels(labels, {1: "GP left", 2: "Putamen left", 3: "White matter"})
    values = sign * np.choose(labels - 1, (0.12, 0.06, -0.03))
    assert ("looks flipped" in remarks_on(values, regions)) == flipped
    assert "looks flipped" not in remarks_on(-values, regions[2:])


def test_subtracting_a_reference_removes_an_offset_that_subjects_do_not_share():
    def means(nucleus, ventricle, **more):
        values = np.choose(labels - 1, (nucleus, ventricle)).astype(float)
        return measure(SusceptibilityMap(values, GRID, "ppb"), regions, unit="ppb", **more)[0].mean

    labels = np.broadcast_to(np.arange(10) // 5 + 1, GRID.shape)
    regions = regions_from_labels(labels, {1: "SN", 2: "Ventricle"})
    controls = list(zip((100, 104, 98, 102, 101, 95), (2, 5, -1, 3, 1, -4)))
    patients = list(zip((110, 115, 108, 112, 109, 105), (3, 6, 0, 4, -1, 0)))
    for more, t, p, digit in (({}, 5.1627, 0.000424, 1e-6), ({"reference": "Ventricle"}, 11.7923, 3.4e-7, 1e-8)):
        test = stats.ttest_ind(*([means(*one, **more) for one in group] for group in (patients, controls)))
        assert test.statistic == pytest.approx(t, abs=5e-5) and test.pvalue == pytest.approx(p, abs=digit / 2)
