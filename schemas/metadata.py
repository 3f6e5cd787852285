"""What other tools read beside the shards: the TFMD schema and the TFDS metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.window import Field, WindowSpec

if TYPE_CHECKING:
    import tensorflow_datasets as tfds
    from tensorflow_metadata.proto.v0 import schema_pb2


def tfmd_schema(spec: WindowSpec) -> schema_pb2.Schema:
    """Return the TensorFlow Metadata schema of the records."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    types = {
        "float32": schema_pb2.FLOAT,
        "int64": schema_pb2.INT,
        "string": schema_pb2.BYTES,
        "bool": schema_pb2.BYTES,
    }
    schema = schema_pb2.Schema()
    for field in spec.fields:
        feature = schema.feature.add(name=field.name)
        feature.type = schema_pb2.BYTES if field.raw else types[field.dtype]
        feature.annotation.comment.append(_comment(field, spec))
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        size = 1
        for length in () if field.raw else spec.shape(field):
            size *= length
        feature.shape.dim.add(size=size)
    return schema


def tfmd_pbtxt(spec: WindowSpec) -> str:
    """Return `tfmd_schema` as text, for ``schema.pbtxt``."""
    from google.protobuf import text_format

    return text_format.MessageToString(tfmd_schema(spec))


def _comment(field: Field, spec: WindowSpec) -> str:
    shape = list(spec.shape(field))
    unit = f" [{field.unit}]" if field.unit else ""
    raw = f", raw little-endian {field.dtype}" if field.raw else ""
    return f"{field.meaning}{unit}; shape {shape}{raw}"


def window_table(spec: WindowSpec) -> list[dict[str, Any]]:
    """Return a row per field: name, dtype, shape, unit and meaning."""
    return [
        {
            "name": field.name,
            "dtype": field.dtype,
            "shape": list(spec.shape(field)),
            "unit": field.unit,
            "meaning": field.meaning,
        }
        for field in spec.fields
    ]


def tfds_features(spec: WindowSpec) -> tfds.features.FeaturesDict:
    """Return the TFDS features. A draw's ``step/value`` becomes a nested dictionary."""
    import tensorflow_datasets as tfds

    tree: dict[str, Any] = {}
    for field in spec.fields:
        *groups, leaf = field.name.split("/")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = _tfds_feature(field, spec, tfds.features)
    return tfds.features.FeaturesDict(tree)


def _tfds_feature(field: Field, spec: WindowSpec, features: Any) -> Any:
    import numpy as np

    shape = spec.shape(field)
    if field.raw:
        encoding = features.Encoding.BYTES
        return features.Tensor(shape=shape, dtype=np.dtype(field.dtype), encoding=encoding)
    if field.dtype == "string" and not shape:
        return features.Text()
    dtype = np.str_ if field.dtype == "string" else np.dtype(field.dtype)
    return features.Tensor(shape=shape, dtype=dtype)


def write_tfds_metadata(
    folder: str, spec: WindowSpec, name: str, splits: dict[str, tuple[list[int], int]]
) -> None:
    """Write ``features.json`` and ``dataset_info.json`` into an empty local folder.

    Args:
        folder: where they go; from there they can be put beside the shards.
        spec: the records' spec.
        name: the data set's name, which the shard names begin with.
        splits: for each split, its shards' window counts and its size in bytes.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import naming

    template = naming.ShardedFileTemplate(
        data_dir=folder,
        dataset_name=name,
        filetype_suffix="tfrecord",
        template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
    )
    infos = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=lengths,
            num_bytes=num_bytes,
            filename_template=template.replace(split=split),
        )
        for split, (lengths, num_bytes) in sorted(splits.items())
    ]
    # TFDS learns the file type from the names it finds; it reads none of them.
    shards = [Path(path) for info in infos for path in info.filepaths]
    for path in shards:
        path.touch()
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=tfds_features(spec),
        split_infos=infos,
        filename_template=template,
        description="Seismic windows written by SeisMill.",
        check_data=False,
    )
    for path in shards:
        path.unlink()
