"""XML from strangers: no document types, so no entities, no bombs, no links to other files."""

from __future__ import annotations

from xml.parsers import expat

from pipelines import files
from schemas.errors import UserError


def read_xml(path: str) -> bytes:
    """Return an XML file's bytes if it declares no document type.

    QuakeML and StationXML have none; entities, bombs and links to other files need one.

    Raises:
        UserError: it is not XML, or has a document type.
    """
    data = files.read_bytes(path)
    parser, doctypes = expat.ParserCreate(), []
    parser.StartDoctypeDeclHandler = lambda *_: doctypes.append(1) or _stop()
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UserError(f"{path}: not XML: {error}") from None
    except _Stopped:
        raise UserError(f"{path}: got a document type (<!DOCTYPE>), expected none") from None
    return data


class _Stopped(Exception):
    pass


def _stop() -> None:
    raise _Stopped
