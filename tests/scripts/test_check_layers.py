"""scripts/check_layers finds what breaks the rules, and nothing else."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(os.environ["DEC_SOURCE"]) / "scripts" / "check_layers"


@pytest.fixture
def tree(tmp_path):
    """A project that keeps the rules."""
    write(tmp_path, "include/dec/core/json.hpp", "#include <nlohmann/json.hpp>\n")
    write(tmp_path, "include/dec/feeder/feeder.hpp", '#include "dec/core/json.hpp"\n')
    write(tmp_path, "src/feeder/checks.hpp", "// MPI_COMM_WORLD may be talked about\n")
    write(tmp_path, "src/feeder/feeder.cpp", '#include "dec/feeder/feeder.hpp"\n#include "feeder/checks.hpp"\n')
    write(tmp_path, "src/app/main.cpp", '#include <CLI/CLI.hpp>\n#include "dec/feeder/feeder.hpp"\nauto c = MPI_COMM_WORLD;\n')
    write(tmp_path, "src/CMakeLists.txt", "dec_layer(core)\ndec_layer(feeder PUBLIC dec::core PRIVATE fmt::fmt)\n")
    return tmp_path


def write(root, name, text):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def check(root, *options):
    return subprocess.run([SCRIPT, "--root", root, *options], capture_output=True, text=True)


def test_a_tree_that_keeps_the_rules_passes(tree):
    run = check(tree)

    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    "file, text, complaint",
    [
        ("src/core/a.cpp", '#include "dec/feeder/feeder.hpp"\n', "core must not include feeder"),
        ("src/io/a.cpp", '#include "feeder/checks.hpp"\n', "private to feeder"),
        ("src/io/a.cpp", '#include "../feeder/checks.hpp"\n', "private to feeder"),
        ("src/io/a.cpp", '#include "fmt/format.h"\n', "no header of this project"),
        ("src/io/a.cpp", "#include <dec/feeder/feeder.hpp>\n", "is ours"),
        ("src/io/a.cpp", "#include <hdf5.h>\n", "home in core"),
        ("src/core/a.cpp", "#include <nlohmann/json.hpp>\n", "home in core/json.hpp"),
        ("src/model/a.cpp", "#include <metis.h>\n", "home in partition"),
        ("src/results/a.cpp", "  #  include <CLI/CLI.hpp>\n", "home in app"),
        ("src/model/a.cpp", "#include <petscksp.h>\n", "home in powerflow"),
        ("src/model/a.cpp", "int x; auto c = MPI_COMM_WORLD;\n", "named only in app"),
        ("src/misc/a.cpp", "\n", "no layer misc"),
    ],
)
def test_what_breaks_a_rule_is_named_with_file_and_line(tree, file, text, complaint):
    write(tree, file, "\n" + text)

    run = check(tree)

    assert run.returncode == 1
    line = 1 if "no layer" in complaint else 2
    assert run.stdout.startswith(f"{file}:{line}: ")
    assert complaint in run.stdout


def test_targets_are_linked_by_the_same_table(tree):
    write(tree, "src/CMakeLists.txt", "\ndec_layer(core PUBLIC MPI::MPI_C\n  PRIVATE dec::feeder)\n")

    run = check(tree)

    assert run.returncode == 1
    assert "src/CMakeLists.txt:2: core must not link feeder" in run.stdout


def test_a_header_that_needs_another_before_it_does_not_compile_alone(tree):
    write(tree, "include/dec/core/json.hpp", "int size(std::string const&);\n")
    commands = [
        {"directory": str(tree), "file": str(tree / f"src/{layer}/a.cpp"), "command": f"c++ -I{tree}/include -o a.o -c a.cpp"}
        for layer in ("core", "feeder")
    ]
    write(tree, "build/compile_commands.json", json.dumps(commands))

    run = check(tree, "--headers", tree / "build")

    assert run.returncode == 1
    assert "include/dec/core/json.hpp:1: does not compile alone" in run.stdout
