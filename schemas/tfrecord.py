"""TFRecord framing: length, masked CRC of the length, data, masked CRC of the data.

Written here and not through TensorFlow so that a shard can be checked record by record,
with the record's number in the message, and without loading TensorFlow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from schemas.errors import UserError

_MASK = 0xA282EAD8
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
# A declared length beyond this is a damaged header, not a window.
MAX_RECORD_BYTES = 1 << 30


def masked_crc(data: bytes) -> int:
    """Return TFRecord's masked CRC-32C of `data`."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def write_record(file: BinaryIO, data: bytes) -> None:
    """Append one record to an open binary file."""
    length = struct.pack("<Q", len(data))
    file.write(length + _FOOTER.pack(masked_crc(length)))
    file.write(data)
    file.write(_FOOTER.pack(masked_crc(data)))


def read_records(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield each record of an open shard.

    Raises:
        UserError: a record is cut short or fails its checksum; the line names the shard
            and the record's number, counted from 0.
    """
    number = 0
    while header := file.read(_HEADER.size):
        at = f"{name}: record {number}"
        if len(header) < _HEADER.size:
            raise UserError(f"{at}: cut short: {len(header)} of {_HEADER.size} header bytes")
        length, length_crc = _HEADER.unpack(header)
        if masked_crc(header[:8]) != length_crc or length > MAX_RECORD_BYTES:
            raise UserError(f"{at}: damaged: the length fails its checksum")
        data = file.read(length)
        footer = file.read(_FOOTER.size)
        if len(data) < length or len(footer) < _FOOTER.size:
            raise UserError(f"{at}: cut short: {len(data)} of {length} bytes")
        if masked_crc(data) != _FOOTER.unpack(footer)[0]:
            raise UserError(f"{at}: damaged: the data fails its checksum")
        yield data
        number += 1
