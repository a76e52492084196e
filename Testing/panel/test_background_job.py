"""A reconstruction runs beside the application: it never waits for it, and the scene changes when all is there."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import slicer

from small_scan import small_scan


@pytest.fixture
def sequences(scene):
    from QSMReconstructionLib.echo_sequences import add_sequences

    return add_sequences(small_scan(), "Head")


@pytest.fixture
def queue(application, escaped_exceptions):
    from QSMReconstructionLib.job_queue import JobQueue

    queue = JobQueue(lambda job: None)
    yield queue
    queue.close()


@pytest.fixture
def new_job(sequences, tmp_path):
    """Function that makes a job on the sequences, whose folder is made in the test's own."""
    from QSMReconstructionCore import Recipe
    from QSMReconstructionLib.echoes import scan_from_nodes
    from QSMReconstructionLib.job import ReconstructionJob

    home = tmp_path / "temporary"
    home.mkdir()

    def make(**more):
        scan = scan_from_nodes(*sequences, copy=False)
        return ReconstructionJob(scan, Recipe.preset("preview"), home=home, **more)

    return make


def wait_until(condition, seconds: float = 90.0) -> float:
    """Let the application handle events until a condition holds; returns the longest time between two of them, in s."""
    began = last = time.monotonic()
    longest = 0.0
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        slicer.app.processEvents()
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        time.sleep(0.002)
    return longest


def run(queue, job) -> float:
    queue.add(job)
    return wait_until(lambda: job.state.ended)


def contents(scene) -> tuple:
    """The scene as it is saved, with the voxels."""
    scene.SetSaveToXMLString(1)
    scene.Commit()
    text = scene.GetSceneXMLString()
    scene.SetSaveToXMLString(0)
    volumes = slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    return text, [slicer.util.arrayFromVolume(volume).tobytes() for volume in volumes]


def leftovers(job) -> list[Path]:
    return list(job._home.iterdir())


@pytest.mark.usefixtures("quick_engine")
class TestAJob:
    def test_leaves_what_a_reconstruction_in_this_process_leaves(self, queue, new_job, scene):
        from QSMReconstructionLib.maps import add_to_scene
        from small_scan import quick_reconstruct

        job = new_job()
        run(queue, job)
        assert job.reason == ""
        here = add_to_scene(quick_reconstruct(job.scan.acquisition, job.recipe), job.scan)
        assert set(job.nodes.maps) == set(here.maps)
        for key, node in here.maps.items():
            found = job.nodes.maps[key]
            np.testing.assert_array_equal(slicer.util.arrayFromVolume(found), slicer.util.arrayFromVolume(node))
            assert slicer.modules.volumes.logic().CompareVolumeGeometry(found, node) == ""
            names = set(node.GetAttributeNames()) - {"QSM.InputIdentity"}
            assert {name: found.GetAttribute(name) for name in names} == {
                name: node.GetAttribute(name) for name in names
            }
        from QSMReconstructionLib.masks import mask_from_node

        masks = [mask_from_node(nodes.mask, here.susceptibility) for nodes in (job.nodes, here)]
        np.testing.assert_array_equal(*masks)
        assert job.fraction == 1
        assert not leftovers(job)
        assert job.nodes.provenance["FactSources"]["echo_times"] == "sequence index"
        log = "\n".join(job.log)
        for words in ("Input: Head, 3 echoes", "Reading", "Dipole inversion", "Writing", "Done"):
            assert words in log

    def test_uses_the_mask_that_is_given_and_loads_the_maps_that_are_asked_for_only(self, queue, new_job):
        mask = np.zeros((6, 7, 8), bool)
        mask[2:4, 2:5, 2:5] = True
        job = new_job(mask=mask, keep={"totalfield"})
        run(queue, job)
        assert set(job.nodes.maps) == {"susceptibility", "totalField"}
        assert np.array_equal(slicer.util.arrayFromVolume(job.nodes.totalField) != 0, mask)

    def test_does_no_harm_when_its_input_is_removed_meanwhile(self, queue, new_job, sequences, scene):
        job = new_job()
        queue.add(job)
        for sequence in sequences:
            scene.RemoveNode(sequence)
        wait_until(lambda: job.state.ended)
        assert job.nodes.susceptibility.GetName() == "Head susceptibility"

    def test_refuses_an_input_that_changes_while_it_is_copied(self, queue, new_job, sequences):
        job = new_job()
        queue.add(job)
        volume = sequences[0].GetNthDataNode(2)
        slicer.util.arrayFromVolume(volume)[:] = 1
        slicer.util.arrayFromVolumeModified(volume)
        wait_until(lambda: job.state.ended)
        assert "was changed while it was being copied" in job.reason
        assert not leftovers(job)

    def test_says_what_the_engine_says_about_unusable_data(self, queue, new_job, sequences, scene):
        slicer.util.arrayFromVolume(sequences[1].GetNthDataNode(0))[:] *= 17
        before = contents(scene)
        job = new_job()
        run(queue, job)
        assert job.reason.startswith("phase must be in radians")
        assert contents(scene) == before
        assert not leftovers(job)

    def test_says_that_the_disk_is_too_full_before_it_writes_anything(self, queue, new_job, monkeypatch):
        import shutil

        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10))
        job = new_job()
        run(queue, job)
        assert "has 0.0 GB of free space, but 0.0 GB are needed. Free space there" in job.reason
        assert not leftovers(job)

    def test_counts_what_it_leaves_for_later_ones(self, queue, new_job, monkeypatch):
        import shutil

        from QSMReconstructionCore.io.provenance import OUTPUTS
        from QSMReconstructionLib import session_folder

        job = new_job()
        own = job.scan.grid.size * 4 * (2 * len(job.scan.echo_times) + 2 * len(OUTPUTS))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, own))
        run(queue, job)
        assert "Free space there" in job.reason
        monkeypatch.setattr(session_folder, "LIMIT", 0)  # as when the folder is full: what is old makes room
        job = new_job()
        run(queue, job)
        assert job.reason == ""

    def test_says_that_the_disk_got_full_while_it_wrote(self, queue, new_job, monkeypatch, scene):
        from QSMReconstructionLib import job as module

        def parts(*arguments):
            yield b"begin"
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(module, "nifti_parts", parts)
        before = contents(scene)
        job = new_job()
        run(queue, job)
        assert "No space left on device. Free space there" in job.reason
        assert contents(scene) == before
        assert not leftovers(job)

    @pytest.mark.skipif(os.name == "nt", reason="Windows cannot limit the size of files")
    def test_says_that_the_disk_got_full_while_the_engine_wrote(self, queue, new_job, quick_engine, scene):
        quick_engine("full disk")
        before = contents(scene)
        job = new_job()
        run(queue, job)
        assert "File too large" in job.reason
        assert contents(scene) == before
        assert not leftovers(job)

    def test_takes_b0_and_the_place_of_the_maps_from_a_linear_transform(self, queue, scene, tmp_path):
        from QSMReconstructionCore import Recipe
        from QSMReconstructionLib.echoes import scan_from_nodes
        from QSMReconstructionLib.job import ReconstructionJob
        from small_scan import rotation

        turn = np.eye(4)
        turn[:3, :3] = rotation(40, 0)
        transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turn")
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn))
        acquisition = small_scan(echo_times=(0.02,))
        volumes = [
            slicer.util.addVolumeFromArray(getattr(acquisition, role)[0], acquisition.grid.ijk_to_ras, f"Head {role}")
            for role in ("magnitude", "phase")
        ]
        for volume in volumes:
            volume.SetAndObserveTransformNodeID(transform.GetID())
        scan = scan_from_nodes(*volumes, field_strength=3.0, echo_times=[0.02], copy=False)
        job = ReconstructionJob(scan, Recipe.preset("preview"), home=tmp_path)
        run(queue, job)
        assert job.nodes.susceptibility.GetTransformNodeID() == transform.GetID()
        np.testing.assert_allclose(job.nodes.provenance["B0Direction"][::-1], scan.grid.b0_direction, atol=1e-5)
        assert not np.allclose(scan.grid.b0_direction, acquisition.grid.b0_direction, atol=0.1)
        assert "transform 'Turn'" in job.nodes.summary()

    def test_says_why_the_scene_stays_as_it_was_when_loading_fails(self, queue, new_job, monkeypatch, scene, caplog):
        from QSMReconstructionLib import maps

        monkeypatch.setattr(maps, "_put_in_folder", lambda *_: 1 / 0)
        before = contents(scene)
        job = new_job()
        run(queue, job)
        assert job.reason == "ZeroDivisionError: division by zero"
        assert "Traceback" in caplog.text
        assert contents(scene) == before


class TestAnEngineThatStandsStill:
    @pytest.fixture(autouse=True)
    def _engine(self, quick_engine):
        quick_engine("Dipole inversion")

    def stopped(self, queue, job):
        queue.add(job)
        wait_until(lambda: job.stage == "Dipole inversion")

    def test_is_ended_by_cancel_within_a_second(self, queue, new_job, scene):
        before = contents(scene)
        job = new_job()
        self.stopped(queue, job)
        group = job.engine.process_id
        began = time.process_time()  # of this process alone, however busy the machine is
        queue.cancel(job)
        assert time.process_time() - began < 1
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
        assert job.message == "Cancelled. The scene is as it was."
        assert contents(scene) == before
        assert not leftovers(job)

    def test_is_ended_when_the_scene_is_closed(self, queue, new_job, scene):
        job = new_job()
        self.stopped(queue, job)
        scene.Clear(False)
        assert job.message == "Cancelled. The scene is as it was."
        assert not queue.jobs
        assert not leftovers(job)

    def test_is_ended_when_the_application_ends(self, queue, new_job):
        job, waiting = new_job(), new_job()
        self.stopped(queue, job)
        queue.add(waiting)
        slicer.app.aboutToQuit.emit()
        assert job.state.ended and waiting.state.ended
        assert not leftovers(job)

    def test_is_missed_when_somebody_else_ends_it(self, queue, new_job, scene):
        before = contents(scene)
        job = new_job()
        self.stopped(queue, job)
        os.killpg(job.engine.process_id, signal.SIGKILL)
        wait_until(lambda: job.state.ended)
        assert "was ended from outside (SIGKILL)" in job.reason
        assert contents(scene) == before
        assert not leftovers(job)

    def test_lets_the_next_job_write_its_input_but_not_compute(self, queue, new_job, quick_engine):
        from QSMReconstructionLib.job import JobState

        first, second = new_job(), new_job()
        self.stopped(queue, first)
        queue.add(second)
        wait_until(lambda: second.state is JobState.WAITING)
        quick_engine("-")
        assert second.engine is None
        queue.cancel(first)
        wait_until(lambda: second.state.ended)
        assert second.state is JobState.DONE
        assert not leftovers(second)

    def test_ends_itself_when_the_application_is_gone(self, queue, new_job):
        job = new_job()
        self.stopped(queue, job)
        process = job.engine._process
        for stream in (process.stdout, process.stderr):  # as when the application crashes
            stream.close()
        process.wait(timeout=10)
        queue._timer.stop()


def test_the_engine_killed_at_any_moment_leaves_the_scene_as_it_was(queue, scene, tmp_path):
    from QSMReconstructionCore import Recipe, head_phantom
    from QSMReconstructionLib.echo_sequences import add_sequences
    from QSMReconstructionLib.echoes import scan_from_nodes
    from QSMReconstructionLib.job import JobState, ReconstructionJob

    phantom = head_phantom(shape=(36, 42, 36), spacing=(5.0, 5.0, 5.0))
    sequences = add_sequences(phantom.acquisition, "Head")

    def new_job():
        return ReconstructionJob(
            scan_from_nodes(*sequences, copy=False), Recipe.preset("preview"), home=tmp_path
        )

    before = contents(scene)
    random = np.random.default_rng(1)
    for fraction in random.uniform(0, 0.9, 10):
        job = new_job()
        queue.add(job)
        wait_until(lambda job=job, fraction=fraction: job.fraction >= fraction and job.engine is not None)
        os.killpg(job.engine.process_id, signal.SIGKILL)
        wait_until(lambda job=job: job.state.ended)
        assert job.state is JobState.FAILED
        assert "SIGKILL" in job.reason
        assert contents(scene) == before
        assert not list(tmp_path.iterdir())


def test_the_application_never_waits_long_for_a_large_scan(queue, quick_engine, application, scene, tmp_path):
    """Measured in time of this process alone, so that a busy machine does not count."""
    from QSMReconstructionCore import Acquisition, Grid, Recipe
    from QSMReconstructionLib.echo_sequences import add_sequences
    from QSMReconstructionLib.echoes import scan_from_nodes
    from QSMReconstructionLib.job import ReconstructionJob

    shape, echo_times = (140, 180, 150), (0.004, 0.01, 0.016, 0.022, 0.028)  # 1 mm, as much as a head needs
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, shape).astype(np.float32)
    phases = np.broadcast_to(phase, (5, *shape))
    sequences = add_sequences(Acquisition(np.abs(phases), phases, echo_times, 3.0, Grid(shape)), "Head")

    began = time.process_time()
    job = ReconstructionJob(scan_from_nodes(*sequences, copy=False), Recipe.preset(), home=tmp_path)
    queue.add(job)
    assert time.process_time() - began < 0.3
    longest = 0.0
    while not job.state.ended:
        began = time.process_time()
        application.processEvents()
        longest = max(longest, time.process_time() - began)
        time.sleep(0.001)
    assert job.nodes, job.reason
    assert longest < 0.5


def test_the_application_never_waits_long_while_a_large_folder_is_read(application, scene, tmp_path):
    """Measured in time of this process alone, so that a busy machine does not count."""
    import json

    from QSMReconstructionCore import Grid, write_nifti
    from QSMReconstructionLib.between_events import BetweenEvents
    from QSMReconstructionLib.scan_folder import ScanFolder

    shape, echo_times = (140, 180, 150), (0.004, 0.01, 0.016, 0.022, 0.028)  # 1 mm, as much as a head needs
    folder = tmp_path / "data" / "sub-01" / "anat"
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).uniform(0, np.pi, shape).astype(np.float32)
    for echo, echo_time in enumerate(echo_times, 1):
        for part in ("mag", "phase"):
            path = folder / f"sub-01_echo-{echo}_part-{part}_MEGRE.nii"
            write_nifti(path, values, Grid(shape))
            path.with_suffix(".json").write_text(json.dumps({"EchoTime": echo_time, "MagneticFieldStrength": 3}))
    work, ended = BetweenEvents(), []
    steps = ScanFolder(tmp_path / "data", tmp_path).read(None, lambda report: None)
    work.start(steps, lambda *told: ended.append(told))
    longest = 0.0
    while not ended:
        began = time.process_time()
        application.processEvents()
        longest = max(longest, time.process_time() - began)
        time.sleep(0.001)
    (scan, error), = ended
    assert error is None
    assert (scan.title, scan.phase.GetNumberOfDataNodes()) == ("sub-01", 5)
    assert longest < 0.5
    assert not list(tmp_path.glob("qsm-read-*"))
