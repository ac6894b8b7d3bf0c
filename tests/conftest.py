import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# the same examples in every run, so that a failure is the change's; HYPOTHESIS_PROFILE=explore looks for new ones
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def golden():
    """Load a golden file by its path under tests/golden."""
    return lambda name: np.load(Path(__file__).parent / "golden" / name)
