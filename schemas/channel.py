"""What the SEED band and instrument codes of a channel say of its sensor."""

from __future__ import annotations

import re

# By the SEED manual, appendix A: bands F C H B M L V have corners of 10 s and longer. A low-gain
# seismometer records its own electronics where a high-gain one records the ground.
SENSORS = (
    ("broadband", "[FCHBMLVU]H"),
    ("short_period", "[GDES]H"),
    ("low_gain", ".L"),
    ("accelerometer", ".N"),
    ("geophone", ".P"),
)


def sensor_of(instrument: str) -> str:
    """Return the class of sensor that codes such as ``HH`` stand for, or an empty text."""
    return next((name for name, codes in SENSORS if re.fullmatch(codes, instrument)), "")
