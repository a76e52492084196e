"""The benchmark runs and leaves out no method; what it measures is right. No test looks at a time."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from benchmarks import scenes
from benchmarks.__main__ import main
from benchmarks.stage_meter import Meter, MeteredCache, Watch, metered, tracing
from benchmarks.standing import standing
from benchmarks.tables import Table
from headless import opengl
from QSMReconstructionCore.background.residual import FUNCTIONS
from QSMReconstructionCore.methods import METHODS
from QSMReconstructionCore.numerics.fourier import counted_ffts, forward
from QSMReconstructionCore.recipe import Recipe

VOXELS = 1_000_000


@pytest.fixture(scope="module")
def head():
    return scenes.head(4.0, echo_times=(0.002, 0.005, 0.008))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Folder that the smallest benchmark has left."""
    out = tmp_path_factory.mktemp("benchmark")
    sections = ("methods", "isolated", "kernel", "residual", "preview", "pipeline", "unwrapping")
    assert main(["--quick", "--sections", *sections, "--out", str(out)]) == 0
    return out


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter="\t"))


def test_the_table_has_every_method_with_its_cost_and_scores(quick):
    rows = {(row["stage"], row["method"]): row for row in rows_of(quick / "methods.tsv")}
    assert set(rows) == {(stage, name) for stage, methods in METHODS.items() for name in methods}
    for row in rows.values():
        assert row.get("note", "n/a") == "n/a", row
        assert float(row["s"]) >= 0 and float(row["peak volumes"]) >= 0
        assert 0 < float(row["correlation"]) <= 1 and float(row["NRMSE %"]) > 0
    assert float(rows["inversion", "weighted_tv"]["FFT pairs"]) > 10
    assert int(rows["inversion", "weighted_tv"]["iterations"]) > 5


def test_isolated_methods_start_from_the_true_fields(quick):
    rows = {(row["stage"], row["method"]): row for row in rows_of(quick / "isolated.tsv")}
    assert set(rows) == {(stage, name) for stage in ("background", "inversion") for name in METHODS[stage]}
    through = {(row["stage"], row["method"]): row for row in rows_of(quick / "methods.tsv")}
    tv = ("inversion", "weighted_tv")
    assert float(rows[tv]["NRMSE %"]) < float(through[tv]["NRMSE %"])


def test_the_removal_of_smooth_remains_is_measured_for_both_kinds_of_functions(quick):
    rows = rows_of(quick / "residual.tsv")
    assert {row["residual functions"] for row in rows} == {"n/a", *FUNCTIONS}
    assert {row["method"] for row in rows} == {
        name for name, method in METHODS["background"].items() if "residual_degree" in method.parameters
    }
    assert all(0 < float(row["NRMSE %"]) for row in rows)


def test_both_kernels_are_measured_on_the_same_voxels(quick):
    rows = {(row["voxel mm"], row["tilt"], row["kernel"]): row for row in rows_of(quick / "kernel.tsv")}
    assert len(rows) == 2 * len({key[:2] for key in rows}) == 12
    for case in {key[:2] for key in rows}:
        averaged, cut_off = (
            [float(row[f"field error, {scan} %"]) for key, row in rows.items() if key[:2] == case]
            for scan in ("averaged over voxels", "cut off in k-space to half")
        )
        assert averaged[0] != averaged[1] and max(averaged) < 1.5 * min(averaged)
        # Cutting off commutes with the continuous kernel, but for the highest frequency where B0 is oblique.
        assert cut_off[0] < (0.3 if case[1] == "0 degrees" else 0.7) * cut_off[1]


def test_previews_are_like_the_whole_inversion(quick):
    rows = rows_of(quick / "preview.tsv")
    assert {row["method"] for row in rows} == set(METHODS["inversion"])
    boxes = {row["method"]: float(row["correlation"]) for row in rows if row["part"] == "box"}
    assert boxes["weighted_tv"] > 0.8


def test_the_stages_of_the_pipeline_add_up(quick):
    *stages, whole = rows_of(quick / "pipeline.tsv")
    assert {row["stage"] for row in stages} == set(Recipe.preset("default").stages)
    # Verdicts take a transform more; memory adds up, too, because maps are held from stage to stage.
    assert float(whole["FFT pairs"]) == pytest.approx(sum(float(row["FFT pairs"]) for row in stages), rel=0.02)
    assert float(whole["peak volumes"]) >= max(float(row["peak volumes"]) for row in stages)


def test_the_report_holds_all_tables_and_the_chart_is_there(quick):
    report = (quick / "benchmark.md").read_text(encoding="utf-8")
    assert report.count("| stage") == 3 and report.count("| part") == 1 and "A pair of Fourier transforms" in report
    if opengl.available():
        for name in ("methods.png", "isolated.png"):
            assert (quick / name).read_bytes().startswith(b"\x89PNG")


def test_costs_are_measured_where_they_arise():
    with tracing(), counted_ffts() as count:
        meter = Meter(count)
        kept = np.ones(VOXELS, np.float32)
        meter.start()
        forward(np.zeros((10, 10, 10), np.float32))
        temporary = np.ones(3 * VOXELS, np.float32)
        del temporary
        cost = meter.stop()
    assert cost.fft_voxels == 1000
    assert 3 <= cost.peak_bytes / kept.nbytes < 3.1


def test_a_cache_measures_what_it_does_not_hold():
    with tracing(), counted_ffts() as count:
        watch = Watch()
        cache = MeteredCache(Meter(count), watch, {"known": 1})
        assert "known" in cache and cache.costs == {}
        for key in ("new", "newer"):
            assert key not in cache
            watch(0.5, "Dipole inversion: iteration 12, change 3 %")
            forward(np.zeros((10, 10, 10), np.float32))
            cache[key] = 2
    assert dict(cache) == {"known": 1, "new": 2, "newer": 2}
    assert cache.costs["inversion"].fft_voxels == 2000 and watch.iterations == {"inversion": 12}


def test_a_metered_run_names_the_stages_and_iterations(head):
    run = metered(head, Recipe.preset("default"), mask=head.mask)
    assert set(run.costs) == set(run.result.seconds)
    assert run.iterations["inversion"] > 5
    again = metered(head, Recipe.preset("default"), mask=head.mask, kept=run.cache)
    assert again.costs == {}


def test_tables_align_and_no_cell_is_a_formula():
    table = Table("t", "About", [{"name": "=1+1", "value": 1.23456}, {"name": "a|b", "count": 3}])
    assert table.tsv() == "name\tvalue\tcount\n'=1+1\t1.235\tn/a\na|b\tn/a\t3\n"
    _, _, *lines = table.markdown().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith(":|") or lines[1].endswith(": |")
    assert "a\\|b" in lines[-1]


@pytest.mark.parametrize("disturb", scenes.DISTURBANCES)
def test_a_disturbance_changes_what_it_says_and_no_more(head, disturb):
    disturbed = disturb(head)
    same_phase = np.array_equal(disturbed.phantom.acquisition.phase, head.acquisition.phase)
    assert same_phase == (disturb in (scenes.undisturbed, scenes.large_mask))
    assert np.array_equal(disturbed.mask, head.mask) == (disturb is not scenes.large_mask)
    np.testing.assert_array_equal(disturbed.phantom.mask, head.mask)
    changed = not np.array_equal(disturbed.phantom.susceptibility, head.susceptibility)
    assert changed == (disturb is scenes.open_vein)
    first = np.angle(np.exp(1j * (disturbed.phantom.acquisition.phase - head.acquisition.phase)[0]))
    if disturb is scenes.moved_last_echo:
        np.testing.assert_allclose(first[head.mask], 0, atol=1e-5)
    if disturb is scenes.garbage_voxels:
        assert np.mean(np.abs(first) > 1e-3) == pytest.approx(0.1, abs=0.01)


def test_the_vein_leaves_the_brain(head):
    vein = scenes.open_vein(head).phantom.susceptibility - head.susceptibility
    assert vein[head.mask].max() > 0.1 and vein[~head.mask].max() > 0.1


def test_the_default_is_ranked_among_all_combinations():
    def row(background, nrmse, slope):
        return {
            "background": background, "inversion": "tkd", "NRMSE %": nrmse, "XSIM": 0.5, "regional slope": slope,
            "regional error ppb": 3.0,
        }  # fmt: skip

    rows = [row("pdf", 20.0, 1.3), row("vsharp", 30.0, 0.8), row("lbv", 40.0, 0.9), {"note": "cannot run"}]
    lines = list(standing(rows, ("vsharp", "tkd")))
    assert lines[0] == "NRMSE %: the default is number 2 of 3 with 30; the best other, pdf and tkd, has 20."
    assert "number 1 of 3" in lines[1]
    assert "number 2 of 3 with 0.8; the best other, lbv and tkd" in lines[2]
    assert lines[-1] == "Better than the default in NRMSE %, XSIM, regional slope together: none."
    rows[2] |= {"NRMSE %": 10.0, "XSIM": 0.99, "regional slope": 1.0}
    *_, last = standing(rows, ("vsharp", "tkd"))
    assert last.endswith("together: lbv and tkd.")
    assert not list(standing(rows[:1], ("vsharp", "tkd")))
