"""TFRecord framing, against TensorFlow's own writer and reader."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import UserError
from schemas.tfrecord import MAX_RECORD_BYTES, masked_crc, read_records, write_record

PAYLOADS = [b"", b"a", bytes(range(256)) * 9, b"\0" * 1000]


def framed(payloads=PAYLOADS):
    file = io.BytesIO()
    for data in payloads:
        write_record(file, data)
    return file.getvalue()


def test_the_framing_is_tensorflows(tmp_path):
    path = str(tmp_path / "tf")
    with tf.io.TFRecordWriter(path) as writer:
        for data in PAYLOADS:
            writer.write(data)
    with open(path, "rb") as file:
        assert file.read() == framed()
    with open(path, "rb") as file:
        assert list(read_records(file, "tf")) == PAYLOADS


def test_tf_data_reads_what_is_written(tmp_path):
    path = tmp_path / "own"
    path.write_bytes(framed())
    assert [r.numpy() for r in tf.data.TFRecordDataset(str(path))] == PAYLOADS


def ends():
    """Where each record ends."""
    return np.cumsum([16 + len(data) for data in PAYLOADS])


@given(st.integers(0, len(framed()) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_told_with_its_record(at, mask):
    data = bytearray(framed())
    data[at] ^= mask
    number = int(np.searchsorted(ends(), at, side="right"))
    found = []
    with pytest.raises(UserError, match=f"^s-0: record {number}: damaged: the (length|data) fails"):
        for record in read_records(io.BytesIO(bytes(data)), "s-0"):
            found.append(record)
    assert found == PAYLOADS[:number]


@given(st.integers(1, len(framed()) - 1))
@settings(max_examples=100, deadline=None)
def test_a_file_cut_short_is_told_with_its_record(size):
    number = int(np.searchsorted(ends(), size, side="right"))
    records = read_records(io.BytesIO(framed()[:size]), "s-0")
    if size in ends():
        assert list(records) == PAYLOADS[:number]
        return
    with pytest.raises(UserError, match=f"^s-0: record {number}: cut short: "):
        list(records)


def test_a_hostile_length_is_refused_before_it_is_read():
    length = struct.pack("<Q", MAX_RECORD_BYTES + 1)
    data = length + struct.pack("<I", masked_crc(length)) + b"x" * 100
    with pytest.raises(UserError, match="record 0: damaged"):
        list(read_records(io.BytesIO(data), "s"))
