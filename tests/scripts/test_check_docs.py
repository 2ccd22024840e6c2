"""scripts/check_docs finds documents that no longer tell the truth."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(os.environ["DEC_SOURCE"]) / "scripts" / "check_docs"

README = """# Title
See [the notes](docs/notes.md#second-part), `scripts/build dev`, `src/<layer>/`, `docs/*.md`, `notes.md` and `build/x`.
Numbers such as `kW/kvar` and `3/4` are no paths.
```sh
scripts/build release   # comment
mpirun -n 2 build/release/dec solve feeder.xml --quiet
```
"""


@pytest.fixture
def tree(tmp_path):
    """A project whose documents agree with it."""
    write(tmp_path, "README.md", README)
    write(tmp_path, "docs/notes.md", "# First\n## Second part\nLeads [back](../README.md).\n")
    write(tmp_path, "src/core/error.cpp", "")
    executable(tmp_path, "scripts/build", '[ "$1" = --help ] && echo "[--fast]"')
    executable(tmp_path, "dec", '[ "$1" = solve ] && [ "$2" = --help ] && echo "-o,--output --quiet"')
    return tmp_path


def write(root, name, text):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def executable(root, name, body):
    write(root, name, f"#!/bin/sh\n{body}\n")
    (root / name).chmod(0o755)


def check(root):
    return subprocess.run(
        [SCRIPT, "--root", root, "--executable", root / "dec"], capture_output=True, text=True
    )


def test_documents_that_agree_with_the_tree_pass(tree):
    run = check(tree)

    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    "sentence, complaint",
    [
        ("See [this](docs/gone.md).", "docs/gone.md, which does not exist"),
        ("See ![this](docs/gone.png).", "docs/gone.png, which does not exist"),
        ("See [this](#third-part).", "no heading #third-part"),
        ("See `src/gone/`.", "there is no src/gone/"),
        ("See `gone.hpp`.", "there is no gone.hpp"),
        ("See `scripts/<what>.sh`.", "there is no scripts/<what>.sh"),
        ("Run `scripts/gone --fast`.", "there is no scripts/gone"),
        ("Run `scripts/build --slow`.", "scripts/build does not know --slow"),
        ("Run `dec dissolve feeder.xml`.", "no subcommand dissolve"),
        ("Run `dec solve feeder.xml --loud=3`.", "dec solve does not know --loud"),
        ("```sh\nmpirun -n 2 dec solve \\\n  feeder.xml --loud\n```", "dec solve does not know --loud"),
    ],
)
def test_what_is_not_there_is_named_with_file_and_line(tree, sentence, complaint):
    write(tree, "docs/notes.md", f"# First\n## Second part\n{sentence}\n")

    run = check(tree)

    assert run.returncode == 1
    assert run.stdout.startswith(f"docs/notes.md:{4 if '```' in sentence else 3}: ")
    assert complaint in run.stdout
