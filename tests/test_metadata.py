"""What other tools are told of the records: read back with those tools."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.metadata import tfds_features, tfmd_pbtxt, tfmd_schema, window_table
from schemas.record import serialize
from schemas.window import WINDOW_SPEC, WindowSpec
from tests.builders import phasenet_folder, phasenet_rows, published, recipe_of, sound_window

SPEC = WindowSpec(1600, 100.0, picks=4, events=2, draws=("gap/x", "y"), pairs=("clean_waveform",))


def test_the_tfmd_schema_parses_back_with_each_field():
    schema = text_format.Parse(tfmd_pbtxt(SPEC), schema_pb2.Schema())
    assert schema == tfmd_schema(SPEC)
    assert [feature.name for feature in schema.feature] == [field.name for field in SPEC.fields]
    assert set(feature.name for feature in schema.feature) > {field.name for field in WINDOW_SPEC}


def test_the_tfmd_schema_says_what_a_record_holds():
    record = tf.train.Example.FromString(serialize(sound_window(SPEC), SPEC))
    kinds = {
        "bytes_list": schema_pb2.BYTES,
        "float_list": schema_pb2.FLOAT,
        "int64_list": schema_pb2.INT,
    }
    for feature in tfmd_schema(SPEC).feature:
        held = record.features.feature[feature.name]
        kind = held.WhichOneof("kind")
        assert feature.type == kinds[kind], feature.name
        (dim,) = feature.shape.dim
        assert dim.size == len(getattr(held, kind).value), feature.name
        assert feature.presence.min_fraction == 1.0


def test_each_field_is_explained():
    table = window_table(SPEC)
    assert [row["name"] for row in table] == [field.name for field in SPEC.fields]
    comments = {f.name: f.annotation.comment[0] for f in tfmd_schema(SPEC).feature}
    for row in table:
        assert row["meaning"] and row["meaning"] in comments[row["name"]]
        assert str(row["shape"]) in comments[row["name"]]
        assert row["unit"] in comments[row["name"]]
    json.dumps(table)


def flattened(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def check_same(read, window):
    assert set(read) == set(window)
    for name, value in read.items():
        expected = np.asarray(window[name])
        np.testing.assert_array_equal(np.asarray(value, dtype=expected.dtype), expected, name)
        assert np.shape(value) == expected.shape, name


def test_tfds_reads_a_record_to_the_same_values():
    window = sound_window(SPEC)
    window["gap/x"] = np.float32(3.25)
    read = tfds_features(SPEC).deserialize_example_np(serialize(window, SPEC))
    check_same(dict(flattened(read)), window)


def test_tfds_reads_a_record_in_a_graph():
    window = sound_window(SPEC)
    features = tfds_features(SPEC)
    records = tf.data.Dataset.from_tensors(serialize(window, SPEC))
    (read,) = records.map(features.deserialize_example).as_numpy_iterator()
    check_same(dict(flattened(read)), window)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    phasenet_folder(folder / "in", phasenet_rows(events=2))
    recipe = recipe_of(folder / "in", output={"name": "tiny"})
    manifest = published(recipe, folder / "out", split_of=lambda item: item.kind and "train")
    return recipe, folder / "out", manifest


def test_tfds_reads_a_published_folder(made):
    recipe, output, manifest = made
    builder = tfds.builder_from_directory(str(output))
    assert builder.info.splits["train"].num_examples == manifest["counts"]["windows"] == 8
    read = {row["window_id"] for row in builder.as_dataset("train").as_numpy_iterator()}
    assert len(read) == 8 and all(name.startswith(b"a/NC_S") for name in read)


def test_the_published_schema_is_that_of_the_spec(made):
    recipe, output, _ = made
    schema = text_format.Parse((output / "schema.pbtxt").read_text(), schema_pb2.Schema())
    assert schema == tfmd_schema(recipe.spec)
