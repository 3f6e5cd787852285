"""The gallery shows every op, and what it shows is not what was there before."""

import re

import numpy as np
import pytest
from matplotlib import image

from augment_ops.core.registry import op_class, op_names
from pipelines.cli import main
from pipelines.gallery import applied, examples, shown_on


def test_each_op_has_a_picture_of_a_change(tmp_path, capsys):
    assert main(["ops", "--gallery", str(tmp_path)]) == 0
    assert str(tmp_path / "index.html") in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text()
    assert re.findall(r'<img src="(\w+)\.png"', page) == list(op_names())
    assert "<script" not in page and "http" not in page
    for name in op_names():
        picture = image.imread(tmp_path / f"{name}.png")
        assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 20, name
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", op_names())
def test_what_it_shows_was_changed_by_the_op(name):
    recipe, windows = examples()
    before = shown_on(name, windows)
    assert np.all(before["kind"] == b"simulated") == (name == "superpose_simulated")
    after, drawn = applied(name, windows, recipe)
    assert not np.array_equal(after["waveform"], before["waveform"])
    assert set(re.findall(r"(\w+) [-\d.nae+]+", drawn)) == set(op_class(name)().draws)


def test_station_dropout_is_shown_on_the_stations_of_one_event():
    recipe, windows = examples()
    group = windows["group"]
    assert len(set(group["station"])) == len(group["station"]) > 2
    assert len(set(group["event_id"][:, 0])) == 1
    # On one clock: P comes when the catalog has it, and nowhere else.
    apart = np.ptp(group["start_time_ns"]) / 1e9 * recipe.window.sampling_rate_hz
    assert apart <= 1.0
    after, _ = applied("station_dropout", windows, recipe)
    gone = ~after["station_mask"]
    assert gone.any() and not gone.all()
    assert not after["waveform"][gone].any() and np.isnan(after["pick_sample"][gone]).all()
    np.testing.assert_array_equal(after["waveform"][~gone], group["waveform"][~gone])
