"""Steps run eagerly, in `tf.function` and in `tf.data`, and what holds of any of them."""

import numpy as np
import tensorflow as tf

from augment_ops.core.steps import BuiltStep, apply_steps, output_spec
from schemas.validate import window_faults
from tests.windows import SPEC, tensors

SEED = 7
_TRACED = {}


def one_step(op, name="step", probability=1.0):
    """Return an op as the only step."""
    return (BuiltStep(name, op, probability),)


def _attached(steps, partner):
    """Return a partner or a list of them, or an empty tree, as `apply_steps` takes it."""
    if partner is None:
        return {}
    each = [tensors(one) for one in (partner if isinstance(partner, list) else [partner])]
    stacked = {name: tf.stack([one[name] for one in each]) for name in each[0]}
    return {s.name: {role: stacked for role in s.needs} for s in steps if s.needs}


def _numpy(window):
    return {name: value.numpy() for name, value in window.items()}


def eager(steps, window, partner=None, epoch=0, spec=SPEC):
    """Return what steps make of a window, without a graph."""
    rate = spec.sampling_rate_hz
    return _numpy(apply_steps(steps, tensors(window), _attached(steps, partner), SEED, epoch, rate))


def _compiled(steps, spec, partner_shape):
    """Return one traced function of a window, its partner and a number of epochs."""
    key = (repr(steps), spec, partner_shape)
    if key not in _TRACED:
        _TRACED[key] = _traced(steps, spec)
    return _TRACED[key]


def _traced(steps, spec):
    out = output_spec(spec, steps)
    signature = {f.name: tf.TensorSpec(out.shape(f), f.dtype) for f in out.fields}

    @tf.function(autograph=False)
    def run(window, partners, count):
        def one(epoch):
            rate = spec.sampling_rate_hz
            return apply_steps(steps, window, partners, SEED, epoch, rate)

        return tf.map_fn(one, tf.range(count), fn_output_signature=signature)

    return run


def compiled(steps, window, partner=None, epochs=8, spec=SPEC):
    """Return the stacked windows of many epochs, made in one graph."""
    first = partner[0] if isinstance(partner, list) else partner
    shape = None if first is None else first["waveform"].shape
    run = _compiled(steps, spec, shape)
    out = run(tensors(window), _attached(steps, partner), tf.constant(epochs, tf.int64))
    return _numpy(out)


def rows(stacked):
    """Return the windows of a stack."""
    count = len(stacked["weight"])
    return [{name: value[row] for name, value in stacked.items()} for row in range(count)]


def assert_same(one, other, but=()):
    """Check that two windows, or stacks of them, agree in every value of every field."""
    assert set(one) == set(other)
    for name in set(one) - set(but):
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def assert_runs_everywhere(steps, window, partner=None, epochs=3, spec=SPEC):
    """Check that eager, graph and `tf.data` agree, with the static shapes of the spec."""
    graph = rows(compiled(steps, window, partner, epochs, spec))
    given, partners = tensors(window), _attached(steps, partner)
    data = tf.data.Dataset.range(epochs).map(
        lambda epoch: apply_steps(steps, given, partners, SEED, epoch, spec.sampling_rate_hz)
    )
    out = output_spec(spec, steps)
    for field in out.fields:
        assert data.element_spec[field.name].shape == out.shape(field), field.name
        assert data.element_spec[field.name].dtype == field.dtype, field.name
    for epoch, (in_graph, in_data) in enumerate(zip(graph, data.as_numpy_iterator())):
        here = eager(steps, window, partner, epoch, spec)
        assert_same(in_graph, in_data)
        assert_same(in_graph, here)


def assert_sound(steps, window, partner=None, epochs=6, spec=SPEC):
    """Check what holds of every op, and return the windows of some epochs.

    They have the spec's shapes and dtypes, finite samples that are zero where not valid, sound
    labels, and are the same again in a second run.
    """
    stacked = compiled(steps, window, partner, epochs, spec)
    assert_same(stacked, compiled(steps, window, partner, epochs, spec))
    out = output_spec(spec, steps)
    assert [window_faults(made, out) for made in rows(stacked)] == [[]] * epochs
    return rows(stacked)


def changes(steps, window, partner=None, epochs=8, spec=SPEC):
    """Return how many different waveforms the steps make of a window in some epochs."""
    out = compiled(steps, window, partner, epochs, spec)["waveform"]
    return len({wave.tobytes() for wave in out})
