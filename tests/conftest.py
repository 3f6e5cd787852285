"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real waveforms, or a skip where there is none."""
    folder = os.environ.get("SEISMILL_REAL_DATA")
    if not folder:
        pytest.skip("SEISMILL_REAL_DATA is not set")
    return Path(folder)
