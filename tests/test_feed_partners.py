"""Partners that the feed draws in the graph, from a pool in memory."""

import numpy as np
import tensorflow as tf

from augment_ops.core import draws
from augment_ops.core.steps import BuiltStep
from augment_ops.superpose_noise import SuperposeNoise
from pipelines import plan
from pipelines.feed_partners import Pool, attach
from tests.builders import inspected
from tests.windows import Quake, make, tensors

EPOCHS = 400


def pool_of(windows):
    stacked = [tensors(window) for window in windows]
    fields = {name: tf.stack([window[name] for window in stacked]) for name in stacked[0]}
    record = tf.strings.regex_replace(fields["window_id"], r"/[^/]*/[^/]*$", "")
    return Pool(fields, tf.reduce_any(fields["valid"], axis=1), record)


def noise(number, source="a", trace=None, live=(True, True, True)):
    window = make(seed=number, window_id=f"{source}/{trace or f't{number}'}/n0/0", live=live)
    window["source"] = np.array(source.encode(), object)
    return window


def drawn(op, pool, window, epochs=EPOCHS):
    """Return the ids of the partners of one window in some epochs."""
    step, given = BuiltStep("noise", op), tensors(window)
    key = draws.window_key(0, given["window_id"])

    @tf.function(autograph=False)
    def one(epoch):
        return attach({"noise": pool}, (step,), given, key, epoch)["noise"]["noise"]["window_id"][0]

    ids = tf.map_fn(one, tf.range(epochs, dtype=tf.int64), fn_output_signature=tf.string)
    return [value.decode() for value in ids.numpy()]


def test_sources_are_drawn_by_their_weights():
    pool = pool_of([noise(n, "xyz"[n % 3]) for n in range(12)])
    op = SuperposeNoise(sources=(("x", 3.0), ("y", 1.0)))
    ids = drawn(op, pool, make(quakes=[Quake()], window_id="e/e/e0/0"))
    found = [name.split("/")[0] for name in ids]
    assert set(found) == {"x", "y"}
    assert 0.68 < found.count("x") / EPOCHS < 0.82
    assert len(set(ids)) == 8


def test_no_partner_of_the_same_record_or_without_a_live_component():
    window = make(quakes=[Quake()], window_id="a/own/e0/1")
    pool = pool_of([noise(0, trace="own"), noise(1, live=(False, False, True)), noise(2)])
    assert set(drawn(SuperposeNoise(), pool, window, 50)) == {"a/t2/n0/0"}
    only_z = make(quakes=[Quake()], window_id="a/own/e0/1", live=(False, False, True))
    assert set(drawn(SuperposeNoise(), pool, only_z, 50)) == {"a/t1/n0/0", "a/t2/n0/0"}


def test_where_nothing_fits_the_place_stays_empty():
    window = make(quakes=[Quake()], window_id="a/own/e0/1")
    pool = pool_of([noise(0, trace="own"), noise(1, live=(False, True, True))])
    assert set(drawn(SuperposeNoise(), pool, window, 10)) == {""}


def test_what_must_match_is_what_the_plan_matches():
    rng, names = np.random.default_rng(0), ("network", "station", "instrument", "environment")
    codes = (["NC", "BK", ""], ["A", "B"], ["HH", "BH", "EH", "HN", "XX", ""], ["urban", ""])
    rows = [[str(rng.choice(values)) for values in codes] for _ in range(40)]

    def told(window, row):
        return {**window, **{n: np.array(v.encode(), object) for n, v in zip(names, row)}}

    pool = pool_of([told(noise(n), row) for n, row in enumerate(rows)])
    members = [inspected(f"t{n}", "noise", **dict(zip(names, r))) for n, r in enumerate(rows)]
    for match in (*names, "sensor"):
        step = BuiltStep("noise", SuperposeNoise(match=(match,)))
        own = rows[3]
        given = inspected("own", **dict(zip(names, own)))
        ((_, wish),) = plan.wishes_of(given, "a/own/e0/0", (step,))
        fit = {f"a/t{n}/n0/0" for n, m in enumerate(members) if plan.fits(wish, m, (match,))}
        window = told(make(quakes=[Quake()], window_id="a/own/e0/0"), own)
        ids = set(drawn(step.op, pool, window))
        assert ids == fit and 0 < len(fit) < 40
