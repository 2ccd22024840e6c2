"""Every command that README.md shows in a ```sh block works as it stands there, one after the other."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ["DEC_SOURCE"])
BUILD = Path(os.environ["DEC_EXECUTABLE"]).parent
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (SOURCE / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Looks like the checkout to a reader of README.md, but what commands write stays out of the checkout."""
    scratch = tmp_path_factory.mktemp("readme")
    for name in ("inputs", "scripts"):
        (scratch / name).symlink_to(SOURCE / name)
    (scratch / "build").mkdir()
    (scratch / "build" / "release").symlink_to(BUILD)
    return scratch


def test_readme_has_commands():
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_commands_work(block, folder):
    if "scripts/test" in block:
        pytest.skip("scripts/test is what runs this")
    if "scripts/quickstart" in block and BUILD != SOURCE / "build" / "release":
        pytest.skip("scripts/quickstart works on build/release only; scripts/test runs it there")

    run = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=folder, capture_output=True, text=True)

    assert run.returncode == 0, f"{block}\n{run.stdout}\n{run.stderr}"
