"""Text and tiles."""

import numpy as np

from demo import canvas


def test_text_is_white_with_a_dark_edge_where_it_was_asked_for():
    picture = np.full((60, 200, 3), 128, np.uint8)
    canvas.write_text(picture, "Axial", (50, 20), 16)
    rows, columns = np.nonzero((picture != 128).any(axis=2))
    assert picture.max() > 240 and picture.min() < 40
    assert 18 <= rows.min() and rows.max() < 42
    assert 48 <= columns.min() and columns.max() < 110


def test_text_beyond_the_border_is_cut_off():
    picture = np.zeros((20, 30, 3), np.uint8)
    canvas.write_text(picture, "much longer than the picture", (10, 12), 16)
    assert picture.any()
    assert not picture[:, :9].any()


def test_a_text_tile_has_its_size_and_keeps_its_text_inside():
    tile = canvas.text_tile("A sentence that is broken into several lines of text. " * 3, (200, 300))
    assert tile.shape == (300, 200, 3)
    bright = np.nonzero((tile > 128).any(axis=2))
    for places, length in zip(bright, (300, 200)):
        assert 0 < places.min() and places.max() < length - 1
        assert abs((places.min() + places.max()) / 2 - length / 2) < 15


def test_tiles_lie_side_by_side_with_a_gap():
    first, second = np.full((4, 6, 3), 100, np.uint8), np.full((4, 6, 3), 200, np.uint8)
    whole = canvas.tiled([[first, second], [second]], gap=2)
    assert whole.shape == (10, 14, 3)
    assert (whole[:4, :6] == 100).all() and (whole[:4, 8:] == 200).all() and (whole[6:, :6] == 200).all()
    assert not whole[:4, 6:8].any() and not whole[6:, 8:].any()
