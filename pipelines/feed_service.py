"""An epoch's examples made by the workers of a `tf.data.service`, each on one of them."""

from __future__ import annotations

import socket
import warnings
from urllib.parse import urlsplit

import tensorflow as tf

from pipelines.feed_remote import ANSWER_S
from schemas.errors import UserError


def check_service(service: str) -> None:
    """Refuse an address at which no dispatcher listens, for TensorFlow waits on and on.

    Raises:
        UserError: it is not of the form ``grpc://HOST:PORT``, or nobody answers there.
    """
    try:
        parts = urlsplit(service)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme = host = port = None
    if scheme != "grpc" or not host or not port:
        raise UserError(f"service: got {service!r}, expected grpc://HOST:PORT of a dispatcher")
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        raise UserError(f"service: {service} does not answer: {error.strerror or error}") from None


def served(examples: tf.data.Dataset, service: str) -> tf.data.Dataset:
    """Return the same examples, made by whichever worker is free, in the order they are done."""
    shards_dealt = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    # Seismograms do not compress.
    distribute = tf.data.experimental.service.distribute(shards_dealt, service, compression=None)
    with warnings.catch_warnings():
        # That in a graph the options of a data set are not all known, of which none matters here.
        warnings.simplefilter("ignore", UserWarning)
        return examples.apply(distribute)
