"""A window to and from a `tf.train.Example`, derived from the window's spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.window import Field, WindowSpec

if TYPE_CHECKING:
    import tensorflow as tf

_LISTS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}


def _little_endian(dtype: str) -> np.dtype:
    return np.dtype(dtype).newbyteorder("<")


def _encode(field: Field, value: np.ndarray) -> list:
    if field.raw:
        return [np.ascontiguousarray(value, dtype=_little_endian(field.dtype)).tobytes()]
    flat = np.asarray(value).reshape(-1)
    if field.dtype == "string":
        return [v if isinstance(v, bytes) else str(v).encode() for v in flat.tolist()]
    return flat.astype(field.dtype).tolist()


def serialize(window: dict[str, Any], spec: WindowSpec) -> bytes:
    """Return the window's record: the same bytes for the same values, always."""
    from tensorflow.core.example.example_pb2 import Example

    example = Example()
    for field in spec.fields:
        kind = "bytes_list" if field.raw else _LISTS[field.dtype]
        values = _encode(field, window[field.name])
        getattr(example.features.feature[field.name], kind).value.extend(values)
    return example.SerializeToString(deterministic=True)


def deserialize(data: bytes, spec: WindowSpec) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return a record's window as NumPy arrays, and what is wrong with its layout.

    A field with a fault is left out of the window.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.example.example_pb2 import Example

    try:
        features = Example.FromString(data).features.feature
    except DecodeError:
        return {}, ["not a tf.train.Example"]
    window, faults = {}, []
    for field in spec.fields:
        if field.name not in features:
            faults.append(f"{field.name}: missing")
            continue
        try:
            window[field.name] = _decode(features[field.name], field, spec.shape(field))
        except ValueError as error:
            faults.append(f"{field.name}: {error}")
    known = {field.name for field in spec.fields}
    faults += [f"{name}: not in the schema" for name in sorted(set(features) - known)]
    return window, faults


def _decode(feature: Any, field: Field, shape: tuple[int, ...]) -> np.ndarray:
    kind = "bytes_list" if field.raw else _LISTS[field.dtype]
    if feature.WhichOneof("kind") != kind:
        raise ValueError(f"got {feature.WhichOneof('kind')}, expected {kind}")
    values = getattr(feature, kind).value
    if field.raw:
        dtype = _little_endian(field.dtype)
        if len(values) != 1:
            raise ValueError(f"got {len(values)} values, expected one")
        size, expected = len(values[0]), int(np.prod(shape)) * dtype.itemsize
        if size != expected:
            raise ValueError(f"got {size} bytes, expected {expected} for shape {shape}")
        if field.dtype == "bool" and values[0].strip(b"\0\1"):
            raise ValueError("got bytes other than 0 and 1")
        return np.frombuffer(values[0], dtype=dtype).reshape(shape)
    if len(values) != int(np.prod(shape)):
        raise ValueError(f"got {len(values)} values, expected shape {shape}")
    dtype = object if field.dtype == "string" else field.dtype
    return np.array(list(values), dtype=dtype).reshape(shape)


def parser(
    spec: WindowSpec, only: Iterable[str] | None = None, raw: bool = False
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return a graph function that parses one record, or a batch of them.

    Args:
        spec: the data set's spec.
        only: the fields to parse; all of them by default.
        raw: leave the samples as the bytes that they are stored as.

    Returns:
        A function from a string tensor [] or [B] to tensors of the fields' static shapes,
        behind the batch dimension if there is one.
    """
    import tensorflow as tf

    wanted = None if only is None else set(only)
    fields = [field for field in spec.fields if wanted is None or field.name in wanted]

    def feature(field: Field) -> tf.io.FixedLenFeature:
        if field.raw:
            return tf.io.FixedLenFeature([], tf.string)
        return tf.io.FixedLenFeature(spec.shape(field), tf.as_dtype(field.dtype))

    features = {field.name: feature(field) for field in fields}

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        window = tf.io.parse_example(serialized, features)
        batch = serialized.shape
        for field in fields:
            if field.raw and not raw:
                dtype = tf.as_dtype(field.dtype)
                flat = tf.io.decode_raw(window[field.name], dtype)
                sizes = [-1 if size is None else size for size in batch]
                window[field.name] = tf.reshape(flat, [*sizes, *spec.shape(field)])
        return window

    return parse
