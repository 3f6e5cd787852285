"""`seismill profile`: counts against the listed references, warnings, page, JSON, workers."""

import itertools
import json
import math
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import yaml

from pipelines.cli import main
from pipelines.inspection import clipped_share, inspect, read_window
from pipelines.prepare import Record
from pipelines.profile import measured, profile
from pipelines.profile_page import page
from pipelines.profile_table import print_table
from pipelines.profile_tally import Tally
from pipelines.reference import Inspected, Rejected
from pipelines.sources import load
from pipelines.split import assign_split
from schemas.snr import snr_db
from schemas.window import COMPONENTS
from tests.builders import (
    inspected,
    listed,
    phasenet_folder,
    phasenet_rows,
    recipe_of,
    wave,
)
from tests.profile_tables import changed, rows, table_recipe


def test_counts_are_those_of_the_listed_references(tmp_path):
    recipe = table_recipe(
        tmp_path, changed(trace_p_arrival_sample=lambda n, p: p if n % 25 else "")(rows())
    )
    made, items = profile(recipe), listed(recipe)
    fit = [item for item in items if not isinstance(item, Rejected)]
    events = [item for item in fit if item.kind == "event"]
    assert (made["listed"], made["windows"]) == (len(items), len(fit))
    assert made["rejected"] == len(items) - len(fit) == sum(r["windows"] for r in made["reasons"])
    assert made["counts"]["station"] == Counter(f"{r.network}.{r.station}" for r in fit)
    assert made["counts"]["instrument"] == Counter(r.instrument for r in fit)
    assert list(made["counts"]["station"].values()) == sorted(
        made["counts"]["station"].values(), reverse=True
    )
    classes = Counter((assign_split(r, recipe), r.kind) for r in fit)
    assert {(s, k): n for s, kinds in made["classes"].items() for k, n in kinds.items()} == classes
    whole = Counter(
        (assign_split(r, recipe), str(math.floor(r.events[0].magnitude))) for r in events
    )
    assert {(s, m): n for s, b in made["magnitudes"].items() for m, n in b.items()} == whole
    signs = Counter(
        ("unknown", "up", "down")[p.polarity] for r in events for p in r.picks if p.phase == "P"
    )
    assert made["counts"]["polarity"] == signs and len(signs) == 3
    times = [{p.phase: p.time_s for p in r.picks} for r in events]
    found = made["distributions"]["s_minus_p_s"]
    expected = np.array([t["S"] - t["P"] if len(t) == 2 else math.nan for t in times])
    assert found["known"] == sum(found["counts"]) == np.isfinite(expected).sum() < len(events)
    assert (found["min"], found["max"]) == (np.nanmin(expected), np.nanmax(expected))
    by_event = {r.events[0].event_id: r.events[0].magnitude for r in events}
    assert made["events"] == made["gutenberg_richter"]["events"] == len(by_event)
    tenths = Counter(round(m, 1) for m in by_event.values())
    fitted = made["gutenberg_richter"]
    assert dict(zip(fitted["magnitude"], fitted["events_in_bin"])) == tenths


def test_inspection_measures_what_the_windows_hold(tmp_path):
    samples = [wave(n, onset=2500, gain=2.0 + n) for n in range(12)]
    samples[0][:, :2] = 0.0
    samples[1][3000:3040] = samples[1].max(axis=0)
    samples[2][1000:1300] *= 40.0
    phasenet_folder(tmp_path, phasenet_rows(6), samples)
    recipe = recipe_of(tmp_path)
    made, items = profile(recipe, inspecting=True), [inspect(r, recipe) for r in listed(recipe)]
    fit = [item for item in items if isinstance(item, Inspected)]
    assert 0 < made["rejected"] == len(items) - len(fit)
    assert "hidden event" in made["reasons"][0]["example"]
    assert made["counts"]["live"] == Counter(item.live for item in fit) and len(fit) < 24
    windows = [read_window(i.reference, recipe) for i in fit if i.snr_db]
    p = [float(w["event_p_sample"][0]) for w in windows]
    truth = {"snr_db": [i.snr_db[0] for i in fit if i.snr_db]}
    for c, letter in enumerate(COMPONENTS):
        truth[f"snr_{letter.lower()}_db"] = [
            snr_db(w["waveform"][:, [c]], w["valid"][:, [c]], at, 100.0)
            for w, at in zip(windows, p)
        ]
    records = [load(i.reference, {"a": "phasenet_npz"}) for i in fit]
    truth["clipped_share"] = [clipped_share(r.samples, r.valid) for r in records]
    for name, values in truth.items():
        found, known = made["distributions"][name], np.array(values)[np.isfinite(values)]
        assert found["known"] == len(known) and found["unknown"] == len(values) - len(known)
        assert (found["min"], found["max"]) == (known.min(), known.max())
    assert made["distributions"]["clipped_share"]["max"] >= 40 / 4000
    assert made["distributions"]["snr_e_db"]["unknown"] == 1


def test_gaps_and_what_lies_outside_of_the_record_are_told_apart():
    valid = np.ones((100, 3), bool)
    valid[:, 1] = False
    valid[:10], valid[40:45, 0], valid[95:, 2] = False, False, False
    window = {"waveform": np.ones((100, 3)), "valid": valid}
    values = measured(
        replace(inspected(), live="EZ", snr_db=()), Record(np.eye(3), "ENZ", 1.0), window
    ).values
    assert values["gap_share"] == pytest.approx(5 / 200)
    assert values["missing_share"] == pytest.approx((2 * 10 + 5 + 5) / 200)


def test_reasons_that_differ_in_names_and_numbers_are_one_and_few_are_kept():
    tally = Tally()
    for n in range(9):
        tally.refuse(Rejected(f"w{n}", "list", f"/data/{n}.csv:{n}: itp: got '{n} x', expected 1"))
    tally.refuse(Rejected("w", "list", "/data/0.csv:1: its: got 'x', expected 1"))
    assert sorted(tally.rejected.values()) == [1, 9]
    assert "/data/0.csv:0: itp: got '0 x', expected 1" in tally.examples.values()
    words = ["".join(letters) for letters in itertools.product("abcdefgh", repeat=3)]
    for word in words:
        tally.refuse(Rejected("w", "list", word))
    assert tally.listed == 10 + len(words) > 2 * len(tally.rejected)


def test_no_window_at_all_is_shown_too(tmp_path, capsys):
    recipe = table_recipe(tmp_path, changed(trace_p_arrival_sample=lambda n, p: -1)(rows(5)))
    made = profile(recipe, inspecting=True)
    print_table(made)
    assert f"listed 5 = fit 0 + rejected {made['rejected']}" in capsys.readouterr().out
    assert made["rejected"] == 5 and "that could be used" in page(made)


@pytest.mark.parametrize("inspecting", [False, True])
def test_workers_change_nothing(tmp_path, inspecting):
    phasenet_folder(tmp_path, phasenet_rows(40, stations=1))
    recipe = recipe_of(tmp_path)
    alone = profile(recipe, inspecting)
    assert alone["windows"] > 64 and profile(recipe, inspecting, workers=2) == alone


@pytest.fixture
def recipe_path(tmp_path):
    recipe = table_recipe(
        tmp_path / "data", changed(trace_s_arrival_sample=lambda n, s: s if n else "<b>&")(rows())
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.to_json()))
    return path


def test_the_page_needs_no_network_and_the_json_is_the_profile(recipe_path, tmp_path, capsys):
    html, data = tmp_path / "new/page.html", tmp_path / "profile.json"
    given = ["profile", str(recipe_path), "--html", str(html)]
    assert main([*given, "--json", str(data)]) == 0
    out = capsys.readouterr().out
    made = json.loads(data.read_text())
    assert f"listed {made['listed']} = usable {made['windows']} + rejected 1" in out
    assert f"b = {made['gutenberg_richter']['b']:.2f}" in " ".join(out.split())
    text = html.read_text()
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\((?!#)", text)
    assert text.count("<svg") == 5 and "viewport" in text and "prefers-color-scheme: dark" in text
    assert "#0102" not in text and "var(--bar)" in text
    # What stands in files stays text.
    assert "<b>&" not in text and "&lt;b&gt;&amp;" in text
    first = html.read_bytes(), data.read_bytes()
    assert main([*given, "--json", "-"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == made and "page: " in printed.err
    assert (html.read_bytes(), data.read_bytes()) == first


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--workers", "0"], "--workers: got 0"),
        (["--html", "/proc/nowhere/page.html"], "cannot be written"),
        (["--json", "/"], "expected a file"),
    ],
)
def test_mistakes_are_one_line(recipe_path, capsys, given, said):
    assert main(["profile", str(recipe_path), *given]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1
