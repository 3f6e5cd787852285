"""Bad seismogram files, bad picks, and a pickle: one line each, and nothing is unpickled."""

import pickle
from pathlib import Path

import pytest
from obspy import Stream, read

from tests.builders import write_rows
from tests.seismogram_files import items, reasons, sac, trace


class Trap:
    """A pickle that writes a file when it is read."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (Path(self.path).write_text, ("obspy.core.stream was here",))


def test_a_pickle_is_never_read(tmp_path):
    folder, sign = tmp_path / "data", tmp_path / "sign"
    folder.mkdir()
    (folder / "trap").write_bytes(pickle.dumps(Trap(sign)))
    (folder / "stream").write_bytes(pickle.dumps(Stream([trace("Z")])))
    for reason in reasons(items(folder)):
        assert "format: got none that is known" in reason
    assert not sign.exists()
    # What the guess of ObsPy would have done.
    with pytest.raises(TypeError):
        with open(folder / "trap", "rb") as file:
            read(file)
    assert sign.exists()


def damaged(folder):
    sac(folder / "x", "Z")
    (folder / "x").write_bytes((folder / "x").read_bytes()[:-200])


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda f: (f / "a.txt").write_text("not a seismogram"), "format: got none"),
        (lambda f: (f / "empty").write_bytes(b""), "format: got none"),
        (damaged, "cannot be read"),
        (lambda f: [sac(f / c, c) for c in "RTZ"], "components: got 'R' 'T' 'Z', expected E N Z"),
        (lambda f: sac(f / "x", "", channel=""), "components: got ''"),
        (lambda f: sac(f / "x", "Z", {}), "P: got none in the SAC headers"),
        (lambda f: sac(f / "x", "Z", {"t0": 3.0}), "P: got none"),
        (lambda f: sac(f / "x", "Z", {"a": 3.0, "ka": "PKP"}), "P: got none"),
        (lambda f: [sac(f / n, "Z") for n in "xy"], "component Z of NC.ABC..HH is in x too"),
    ],
)
def test_bad_files_are_refused_with_one_line(tmp_path, make, said):
    make(tmp_path)
    for reason in reasons(items(tmp_path)):
        assert said in reason and "\n" not in reason


@pytest.mark.parametrize(
    "row, said",
    [
        ({"file": "y"}, "p.csv:2: file: got 'y'"),
        ({"file": "../z"}, "p.csv:2: file: got '../z'"),
        ({"station": "DEF"}, "p.csv:2: file: got 'x'"),
        ({"phase": "Q"}, "p.csv:2: phase: got 'Q', expected P or S"),
        ({"time": "noon"}, "p.csv:2: time: got 'noon'"),
        ({"time": "nan"}, "p.csv:2: time: got ''"),
        ({"time": "inf"}, "p.csv:2: time: got 'inf'"),
        ({"phase": "S"}, "P: got none in"),
    ],
)
def test_bad_picks_are_refused_with_one_line(tmp_path, row, said):
    data = tmp_path / "data"
    sac(data / "x", "Z")
    row = {"file": "x", "station": "", "phase": "P", "time": "25", **row}
    table = write_rows(tmp_path / "p.csv", [row])
    found = reasons(items(data, picks=str(table)))
    assert any(said in reason for reason in found)
    assert not any("\n" in reason for reason in found)


def test_what_is_not_there_is_said(tmp_path):
    sac(tmp_path / "x", "Z")
    for more, said in (
        ({"folder": tmp_path / "nothing"}, "got no files"),
        ({"folder": tmp_path, "picks": str(tmp_path / "no.csv")}, "no such file"),
        ({"folder": tmp_path, "picks": str(write_rows(tmp_path / "p", [{"a": 1}]))}, "missing"),
    ):
        assert any(said in reason for reason in reasons(items(**more)))
