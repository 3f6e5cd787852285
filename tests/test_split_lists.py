"""Fixed members of splits: lists in the recipe and in files, and the names that nobody has."""

from dataclasses import replace

import pytest
import yaml

from pipelines.cli import main
from pipelines.publish import stored_manifest
from pipelines.reference import Event
from pipelines.split import assign_split
from pipelines.split_lists import check_lists
from schemas.errors import UserError
from tests.builders import listed
from tests.jobs import data_folder, job_recipe, windows
from tests.split_windows import event, noise, recipe_of


def refusal(**split):
    with pytest.raises(UserError, match="^[^\n]+$") as caught:
        check_lists(recipe_of(**split).split)
    return str(caught.value)


def test_what_is_listed_is_there_and_the_rest_falls_to_the_rule():
    items = [event(f"e{n}", f"S{n}") for n in range(60)]
    lists = {"test": [f"e{n}" for n in range(10)], "validation": ["e10", "e11"]}
    rule = {"shares": {"train": 1.0}, "lists": lists}
    found = [assign_split(item, recipe_of(**rule)) for item in items]
    assert found == ["test"] * 10 + ["validation"] * 2 + ["train"] * 48
    # By station the same names are none's.
    stations = {"test": ["NC.S3", "NC.S4"]}
    rule = {"by": "station", "shares": {"train": 1.0}, "lists": stations}
    found = [assign_split(item, recipe_of(**rule)) for item in [*items, noise("S3"), noise("S5")]]
    assert [n for n, split in enumerate(found) if split == "test"] == [3, 4, 60]
    assert set(found) == {"train", "test"}


def test_lists_come_before_the_sources_split_and_leave_noise_alone():
    said = event("e0")
    rule = {"from_source": True, "shares": {"train": 1.0}, "lists": {"test": ["e0"]}}
    assert assign_split(said, recipe_of(**rule)) == "test"
    assert assign_split(noise(), recipe_of(**rule)) == "train"


@pytest.mark.parametrize(
    "name, text, names",
    [
        ("a.txt", "e0\n e3 \n\ne5", {"e0", "e3", "e5"}),
        ("a.TXT", "\ufeffe0\r\ne5\r\n", {"e0", "e5"}),
        ("a.csv", "magnitude,event_id\n1,e0\n2,e5\n,\n", {"e0", "e5"}),
    ],
)
def test_files_say_the_same_as_lists(tmp_path, monkeypatch, name, text, names):
    (tmp_path / name).write_bytes(text.encode())
    monkeypatch.setenv("SEISMILL_LISTS", str(tmp_path))
    shares = {"train": 1.0}
    of_file = recipe_of(shares=shares, lists={"test": f"${{SEISMILL_LISTS}}/{name}"})
    inline = recipe_of(shares=shares, lists={"test": sorted(names)})
    check_lists(of_file.split)
    found = {n for n in range(9) if assign_split(event(f"e{n}"), of_file) == "test"}
    assert {f"e{n}" for n in found} == names
    assert found == {n for n in range(9) if assign_split(event(f"e{n}"), inline) == "test"}


def test_stations_in_a_csv(tmp_path):
    path = tmp_path / "stations.csv"
    path.write_text("station,latitude\nNC.S1,38\n")
    rule = recipe_of(by="station", shares={"train": 1.0}, lists={"test": str(path)})
    assert [assign_split(event(station=f"S{n}"), rule) for n in range(3)][1] == "test"
    assert assign_split(event(station="S2"), rule) == "train"


def test_a_job_reads_its_lists_anew(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("e0")
    rule = recipe_of(shares={"train": 1.0}, lists={"test": str(path)})
    assert assign_split(event("e1"), rule) == "train"
    path.write_text("e1")
    check_lists(rule.split)
    assert assign_split(event("e1"), rule) == "test"


def test_mistakes_are_one_line(tmp_path):
    assert "no such file" in refusal(lists={"test": str(tmp_path / "none.txt")})
    assert "NOT_SET_ANYWHERE is not set" in refusal(lists={"test": "${NOT_SET_ANYWHERE}/a"})
    (tmp_path / "empty.txt").write_text("\n\n")
    assert "got no name" in refusal(lists={"test": str(tmp_path / "empty.txt")})
    (tmp_path / "odd.csv").write_text("name\ne0\n")
    assert "columns ['event_id'] are missing" in refusal(lists={"test": str(tmp_path / "odd.csv")})
    twice = {"test": ["e0", "e1"], "train": ["e1"]}
    assert refusal(lists=twice) == ("split.lists.train: got 'e1', which split.lists.test holds too")
    assert refusal(by="station", lists={"test": ["MEM"]}) == (
        "split.lists.test: got 'MEM', expected NETWORK.STATION"
    )


@pytest.mark.parametrize("bad", [[7], [], "", 7, [""], {"a": 1}, None])
def test_a_list_is_of_texts(bad):
    with pytest.raises(UserError, match="split.lists.test: got .*; expected a file, or a list"):
        recipe_of(lists={"test": bad})


def test_a_listed_event_that_shares_a_window_with_another_split_is_refused():
    both = replace(event("e0"), events=(Event("e0"), Event("e1")))
    rule = {"shares": {"train": 1.0}, "lists": {"test": ["e0"]}}
    with pytest.raises(UserError, match="e0 of test, e1 of train"):
        assign_split(both, recipe_of(**rule))
    rule["lists"]["test"].append("e1")
    assert assign_split(both, recipe_of(**rule)) == "test"


def test_names_that_nobody_has_are_told_after_the_job(tmp_path, capsys):
    recipe = job_recipe(data_folder(tmp_path / "in", events=3), offline=[], online=[], targets=[])
    names = sorted({x.events[0].event_id for x in listed(recipe) if x.kind == "event"})
    lists = {"test": [names[0], "gone", "lost"], "validation": [names[1]]}
    text = {**recipe.to_json(), "split": {"shares": {"train": 1.0}, "lists": lists}}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(text))
    output = str(tmp_path / "o")
    assert main(["augment", str(tmp_path / "r.yaml"), "--output", output, "--quiet"]) == 0
    error = capsys.readouterr().err
    assert error == ("seismill: warning: split.lists.test: 2 names are of no window: gone, lost\n")
    assert stored_manifest(output)["unknown_in_lists"] == {"test": ["gone", "lost"]}
    for split, name in zip(("test", "validation", "train"), names):
        found = {
            w["event_id"][0].decode()
            for w in windows(tmp_path / "o", f"*-{split}.*")
            if w["kind"] == b"event"
        }
        assert found == {name}
    assert main(["validate", output]) == 0
