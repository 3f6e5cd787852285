"""Hard negatives from the recipe to the shards: what they are, their split, their share."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.hard_negative import hard_negative
from pipelines.inspection import inspect, read_window
from pipelines.leaks import Leaks
from pipelines.publish import screened, stored_manifest, told_of_noise
from pipelines.reference import Inspected, Rejected
from pipelines.runner import augment
from pipelines.split import assign_split
from pipelines.validation import validate
from schemas.errors import UserError
from schemas.validate import text
from schemas.window import UNKNOWN_TIME_NS
from tests.builders import listed, phasenet_folder, phasenet_rows, recipe_of, reference, wave
from tests.jobs import data_folder, job_recipe, windows, with_parts
from tests.split_windows import DAY, RULES, event, ns
from tests.split_windows import recipe_of as split_recipe

BLASTS = 30


def blast_source(folder, days=BLASTS, **more):
    """Write a folder with a blast a day at two stations, and return its source."""
    rows = []
    for day in range(days):
        for row in phasenet_rows(1):
            name = row["fname"].replace("20100101", f"2010{1 + day // 28:02d}{1 + day % 28:02d}")
            rows.append({**row, "fname": name.replace("NC_", "XX_")})
    phasenet_folder(folder, rows)
    paths = {"path": str(folder), "csv": str(folder / "waveform.csv")}
    return {"name": "blasts", "format": "phasenet_npz", "kind": "hard_negative", **paths, **more}


def test_a_source_of_hard_negatives_lists_nothing_else(tmp_path):
    recipe = recipe_of(tmp_path, sources=[blast_source(tmp_path)])
    found = listed(recipe)
    as_events = [{**recipe.to_json()["sources"][0], "kind": None}]
    events = [x for x in listed(recipe_of(tmp_path, sources=as_events)) if x.kind == "event"]
    assert len(found) == len(events) == 2 * BLASTS
    for one, other in zip(found, events):
        assert (one.kind, one.picks, one.events) == ("hard_negative", (), ())
        kept = {"kind": "event", "split_key": other.split_key}
        assert replace(one, **kept, picks=other.picks, events=other.events) == other
    window, whole = (read_window(x[0], recipe) for x in (found, events))
    assert np.array_equal(window["waveform"], whole["waveform"]) and window["valid"].all()
    assert np.isnan(window["pick_sample"]).all() and not any(window["event_id"])


@pytest.mark.parametrize("onset", [100, 3900])
def test_the_window_stays_inside_its_record_as_an_events_does(tmp_path, onset):
    row = {**phasenet_rows(1)[0], "itp": onset, "its": onset + 50}
    phasenet_folder(tmp_path, [row], [wave(0, onset=onset)])
    source = recipe_of(tmp_path).to_json()["sources"][0]
    recipe = recipe_of(tmp_path, sources=[{**source, "kind": "hard_negative"}])
    (item,) = listed(recipe)
    assert isinstance(inspect(item, recipe), Inspected)
    assert read_window(item, recipe)["valid"].all()


def test_a_row_of_noise_becomes_one_and_stays_where_it_is():
    start = ns("2010-05-27T23:59:30")
    noise = reference("n", "noise", record_start_ns=start, start_s=20.0, usable_s=(20.0, 30.0))
    made = hard_negative(noise)
    assert (made.kind, made.usable_s) == ("hard_negative", noise.usable_s)
    assert made.split_key == "hard_negative 2010-05-27"
    later = hard_negative(replace(noise, start_s=31.0))
    assert later.split_key == "hard_negative 2010-05-28"
    timeless = hard_negative(replace(noise, record_start_ns=UNKNOWN_TIME_NS))
    assert timeless.split_key == noise.split_key
    refused = Rejected("a/x", "list", "why")
    assert hard_negative(refused) is refused


def blast(name, station, at_ns):
    return hard_negative(replace(event(name, station), record_start_ns=at_ns, start_s=0.0))


def test_a_day_is_of_one_split_wherever_it_was_recorded():
    recipe, noon = split_recipe(**RULES["event"]), ns("2010-01-01T12:00:00")
    found = []
    for day in range(60):
        at = noon + day * DAY
        splits = {
            assign_split(blast(f"b{day}{n}", station, at + n * 3600 * 10**9), recipe)
            for n, station in enumerate(("A", "B", "A"))
        }
        assert len(splits) == 1
        found += splits
    assert set(found) == {"train", "validation", "test"}


@pytest.mark.parametrize(("hour", "fault"), [("12:00:00", True), ("00:01:00", False)])
def test_the_leak_check_looks_at_days_but_not_near_midnight(hour, fault):
    recipe = split_recipe(**RULES["event"])
    leaks, found = Leaks(recipe, recipe.spec), []
    for split, station in (("test", "A"), ("train", "B")):
        leaks.begin(f"{split}.shard", split)
        window = {"window_id": f"a/{station}/h0/0".encode(), "kind": b"hard_negative"}
        window |= {"source": b"a", "network": b"NC", "station": station.encode(), "event_id": []}
        window["start_time_ns"] = np.int64(ns(f"2010-05-27T{hour}"))
        found += leaks.faults(window, 0)
    assert len(found) == fault
    assert not fault or found[0].startswith("leak: hard_negative 2010-05-27 is in train, and in")


def test_noise_of_an_archive_is_refused_as_such(tmp_path):
    archive = {"name": "a", "format": "archive", "path": "x", "catalog": "y"}
    with pytest.raises(UserError, match="sources.a: noise: got true, expected false"):
        listed(recipe_of(tmp_path, sources=[{**archive, "kind": "hard_negative"}]))
    with pytest.raises(UserError, match="kind: got hard_negative, expected none of a simulated"):
        recipe_of(tmp_path, sources=[{**archive, "kind": "hard_negative", "simulated": True}])
    with pytest.raises(UserError, match="sources.0.kind: got 'noise'"):
        recipe_of(tmp_path, sources=[{**archive, "kind": "noise"}])


def test_what_is_told_of_refused_noise():
    refused = [Rejected("a", "inspect", "why", test) for test in ("b", "a", "b", "")]
    manifest = {"noise": screened(7, refused)}
    assert manifest["noise"] == {"tested": 10, "refused": {"a": 1, "b": 2}}
    assert told_of_noise(manifest) == "noise: 3 of 10 refused: b 2, a 1"
    assert told_of_noise({"noise": screened(7, [])}) == "noise: 0 of 7 refused"
    assert told_of_noise({"noise": screened(0, [])}) == told_of_noise({}) == ""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hard")
    recipe = job_recipe(data_folder(folder / "data", 12), copies={})
    shares = {"event": 0.4, "noise": 0.35, "hard_negative": 0.25}
    sources = [*recipe.to_json()["sources"], blast_source(folder / "blasts")]
    # The noise of one station has events in it.
    for path in (folder / "data").glob("NC_S0_*.npz"):
        samples = np.load(path)["data"]
        samples[400:500] *= 20.0
        np.savez(path, data=samples)
    noise = {"min_length_s": 10, "max_std_ratio": None, "screen": {"sta_lta": {}}}
    recipe = with_parts(recipe, sources=sources, balance=shares, noise=noise)
    augment(recipe, str(folder / "made"), quiet=True)
    return recipe, folder / "made"


def test_the_books_tell_what_the_screen_refused(made):
    recipe, output = made
    manifest = stored_manifest(str(output))
    lines = [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]
    assert manifest["counts"]["rejected"] == len(lines)
    items = [item for item in listed(recipe) if item.kind == "noise"]
    refused = manifest["noise"]["refused"]
    assert manifest["noise"]["tested"] == len(items)
    assert refused == {"sta_lta": sum(line["test"] == "sta_lta" for line in lines)}
    assert refused["sta_lta"] == sum("_S0_" in line["window_id"] for line in lines) > 5
    assert validate(str(output)).faults == []


def test_the_balance_gives_them_their_share_in_the_augmented_split_alone(made):
    recipe, output = made
    for split, shares in (("train", (0.4, 0.35, 0.25)), ("validation", None)):
        kinds = [text(w["kind"]) for w in windows(output, f"*-{split}.*")]
        found = [kinds.count(kind) / len(kinds) for kind in ("event", "noise", "hard_negative")]
        if shares:
            assert found == pytest.approx(shares, abs=0.05)
        else:
            assert kinds.count("hard_negative") > 0
            ids = [text(w["window_id"]) for w in windows(output, f"*-{split}.*")]
            assert all(name.endswith("/0") for name in ids)
