"""Results appear complete or not at all."""

from __future__ import annotations

import pytest

from QSMReconstructionCore.io.staging import check_writable, staged_file, staged_folder


def test_files_of_a_folder_appear_when_all_are_written(tmp_path):
    out = tmp_path / "new" / "results"
    with staged_folder(out) as stage:
        (stage / "deep").mkdir()
        (stage / "a.txt").write_text("a")
        (stage / "deep/b.txt").write_text("b")
        assert not out.exists()
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*")) == ["a.txt", "deep", "deep/b.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_what_is_already_in_the_folder_stays_unless_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    with staged_folder(tmp_path) as stage:
        (stage / "a.txt").write_text("new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "new", "mine.txt": "mine"}


def test_what_an_earlier_result_left_is_removed_in_the_end(tmp_path):
    for name in ("a.txt", "b.txt", "b[1].txt"):
        (tmp_path / name).write_text("old")
    with staged_folder(tmp_path, ["[ac].txt", "b[[]1].txt"]) as stage:
        (stage / "c.txt").write_text("new")
        assert (tmp_path / "a.txt").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"b.txt", "c.txt"}


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failed_folder(tmp_path, failure):
    with pytest.raises(failure):
        with staged_folder(tmp_path / "out") as stage:
            (stage / "a.txt").write_text("a")
            raise failure
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failed_file(tmp_path, failure):
    with pytest.raises(failure):
        with staged_file(tmp_path / "a.txt") as file:
            file.write(b"half")
            raise failure
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_noticed_in_time(tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OSError, match="is a file, but a folder is needed"):
        check_writable(tmp_path / "out")
    check_writable(tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
