"""Records: serializer, reader and parser against each other and against plain TensorFlow."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.record import deserialize, parser, serialize
from schemas.window import FIELDS, SLOTS, WindowSpec

SPEC = WindowSpec(40, 100.0, picks=3, events=2, draws=("op/x", "op/y"), pairs=("clean_waveform",))
RAW = ("waveform", "valid", "clean_waveform")
_FLOAT = st.floats(width=32, allow_nan=True)


def random_window(seed: int, spec: WindowSpec = SPEC):
    """Any values at all of the right types: extremes, NaN, infinities, any text."""
    rng = np.random.default_rng(seed)
    window = {}
    for field in spec.fields:
        shape = spec.shape(field)
        if field.dtype == "string":
            texts = [rng.bytes(rng.integers(0, 9)) for _ in range(int(np.prod(shape)))]
            window[field.name] = np.array(texts + [None], dtype=object)[:-1].reshape(shape)
        elif field.dtype == "bool":
            window[field.name] = rng.random(shape) > 0.5
        elif field.dtype == "int64":
            limits = np.iinfo(np.int64)
            window[field.name] = rng.integers(limits.min, limits.max, shape, endpoint=True)
        else:
            bits = rng.integers(0, 2**32, shape, dtype=np.uint32)
            window[field.name] = np.asarray(bits, np.uint32).view(np.float32).reshape(shape)
    return window


def same(one, other, names):
    """Equal bit by bit, but for which NaN it is."""
    for name in names:
        a, b = np.asarray(one[name]), np.asarray(other[name])
        assert a.shape == b.shape, name
        a = a.astype(object) if a.dtype.kind == "S" else a
        b = b.astype(object) if b.dtype.kind == "S" else b
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


def by_hand(data: bytes):
    """What TensorFlow's own message class and NumPy say of a record."""
    features = tf.train.Example.FromString(data).features.feature
    window = {}
    for field in SPEC.fields:
        shape, feature = SPEC.shape(field), features[field.name]
        if field.name in RAW:
            dtype = "<f4" if field.dtype == "float32" else "?"
            flat = np.frombuffer(feature.bytes_list.value[0], dtype)
        elif field.dtype == "string":
            flat = np.array([*feature.bytes_list.value, None], object)[:-1]
        elif field.dtype == "int64":
            flat = np.array(feature.int64_list.value, np.int64)
        else:
            flat = np.array(feature.float_list.value, np.float32)
        window[field.name] = flat.reshape(shape)
    return window


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_window_comes_back_as_it_was(seed):
    window = random_window(seed)
    data = serialize(window, SPEC)
    found, faults = deserialize(data, SPEC)
    assert faults == [] and list(found) == [field.name for field in SPEC.fields]
    same(found, window, found)
    same(by_hand(data), window, found)


PARSE = parser(SPEC)


@given(st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_the_graph_parser_reads_one_record_and_a_batch(seed):
    windows = [random_window(seed + n) for n in range(3)]
    records = [serialize(window, SPEC) for window in windows]
    batch = {name: value.numpy() for name, value in PARSE(tf.constant(records)).items()}
    for number, (window, record) in enumerate(zip(windows, records)):
        one = {name: value.numpy() for name, value in PARSE(tf.constant(record)).items()}
        assert set(one) == set(window)
        same(one, window, window)
        same({name: value[number] for name, value in batch.items()}, window, window)


@pytest.mark.parametrize("lead", [(), (2,), (None,)])
def test_the_parser_knows_the_static_shapes(lead):
    signature = tf.TensorSpec(lead, tf.string)
    shapes = tf.function(PARSE).get_concrete_function(signature).structured_outputs
    for field in SPEC.fields:
        assert shapes[field.name].shape.as_list() == [*lead, *SPEC.shape(field)]
        assert shapes[field.name].dtype == tf.as_dtype(field.dtype)


def test_the_parser_reads_only_what_is_wanted():
    record = serialize(random_window(0), SPEC)
    found = parser(SPEC, only=["kind", "waveform"])(tf.constant(record))
    assert sorted(found) == ["kind", "waveform"]
    same({n: v.numpy() for n, v in found.items()}, random_window(0), found)


def test_the_same_values_are_the_same_bytes():
    window = random_window(5)
    shuffled = dict(sorted(window.items(), key=lambda item: hash(item[0])))
    strided = {**window, "waveform": np.asfortranarray(window["waveform"])}
    swapped = {**window, "waveform": window["waveform"].astype(">f4")}
    expected = serialize(window, SPEC)
    for other in (shuffled, strided, swapped, random_window(5)):
        assert serialize(other, SPEC) == expected


def test_fields_stand_in_the_order_of_their_names():
    # What protobuf calls deterministic; the order of its hash map is anyone's guess.
    data = serialize(SPEC.empty_window(), SPEC)
    keys = sorted(field.name.encode() for field in SPEC.fields)
    places = [data.index(b"\n" + bytes([len(key)]) + key) for key in keys]
    assert places == sorted(places)


def test_any_other_value_is_other_bytes():
    base = random_window(6)
    for field in SPEC.fields:
        changed = {**base, field.name: random_window(7)[field.name]}
        assert serialize(changed, SPEC) != serialize(base, SPEC), field.name


def changed(name, feature=None):
    """Return a record with one field taken away or given another content."""
    example = tf.train.Example.FromString(serialize(random_window(0), SPEC))
    del example.features.feature[name]
    if feature is not None:
        example.features.feature[name].CopyFrom(feature)
    return example.SerializeToString()


def feature(kind, values):
    lists = {"bytes": tf.train.BytesList, "float": tf.train.FloatList, "int64": tf.train.Int64List}
    return tf.train.Feature(**{f"{kind}_list": lists[kind](value=values)})


def only_fault(data):
    window, faults = deserialize(data, SPEC)
    (fault,) = faults
    named = fault.split(":")[0]
    assert set(window) == {field.name for field in SPEC.fields} - {named}
    return fault


@pytest.mark.parametrize("name", [field.name for field in SPEC.fields])
def test_a_missing_field_is_told(name):
    assert only_fault(changed(name)) == f"{name}: missing"


@pytest.mark.parametrize("name", [field.name for field in SPEC.fields])
def test_a_field_of_another_type_or_size_is_told(name):
    own = FIELDS.get(name)
    dtype = "float32" if own is None else own.dtype
    kind = "bytes" if name in RAW else {"float32": "float", "string": "bytes"}.get(dtype, "int64")
    for other, values in (("bytes", [b"x"]), ("float", [1.0]), ("int64", [1])):
        if other != kind:
            expected = f"{name}: got {other}_list, expected {kind}_list"
            assert only_fault(changed(name, feature(other, values))) == expected
    assert only_fault(changed(name, tf.train.Feature())).startswith(f"{name}: got None")
    whole = tf.train.Example.FromString(serialize(random_window(0), SPEC)).features.feature[name]
    values = list(getattr(whole, f"{kind}_list").value)
    for wrong in (values[:-1], [*values, *values[:1]]):
        fault = only_fault(changed(name, feature(kind, wrong)))
        assert fault.startswith(f"{name}: got {len(wrong)}")
    if name in RAW:
        for wrong in (values[0][:-1], values[0] + b"\0"):
            fault = only_fault(changed(name, feature(kind, [wrong])))
            assert fault.startswith(f"{name}: got {len(wrong)} bytes, expected {len(values[0])}")
        halves = [values[0][:8], values[0][8:]]
        assert only_fault(changed(name, feature(kind, halves))).startswith(f"{name}: got 2 values")


def test_a_field_that_nobody_knows_is_told():
    example = tf.train.Example.FromString(serialize(random_window(0), SPEC))
    example.features.feature["extra"].int64_list.value.append(1)
    _, faults = deserialize(example.SerializeToString(), SPEC)
    assert faults == ["extra: not in the schema"]


def test_truth_values_are_zero_or_one():
    size = SPEC.samples * 3
    fault = only_fault(changed("valid", feature("bytes", [b"\2" + b"\0" * (size - 1)])))
    assert fault == "valid: got bytes other than 0 and 1"


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\n\x05", b"hello"])
def test_what_is_no_example_is_told(data):
    assert deserialize(data, SPEC) == ({}, ["not a tf.train.Example"])


def test_an_empty_record_lacks_every_field():
    _, faults = deserialize(b"", SPEC)
    assert faults == [f"{field.name}: missing" for field in SPEC.fields]


def test_every_slot_letter_and_dtype_is_covered():
    assert {field.dtype for field in SPEC.fields} == {"string", "float32", "int64", "bool"}
    assert set(SLOTS) == {"K", "M"} and all(SLOTS.values())
    assert WindowSpec.from_json(SPEC.to_json()) == SPEC != replace(SPEC, picks=4)
