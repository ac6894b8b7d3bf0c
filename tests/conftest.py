from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def golden():
    """Load a golden file by its path under tests/golden."""
    return lambda name: np.load(Path(__file__).parent / "golden" / name)
