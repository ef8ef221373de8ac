"""What is shipped is complete, and what is documented for other systems are commands of ours."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vrs
from vrs.cli import _parser

_ROOT = Path(vrs.__file__).parent.parent
if not (_ROOT / "setup.py").exists():
    pytest.skip("an installation without its source", allow_module_level=True)


def _text(name):
    return (_ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What a wheel holds, and a list of what a source distribution holds."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("made")
    subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", "egg_info", "--egg-base", str(folder),
         "build_py", "--build-lib", str(folder / "lib")], cwd=str(_ROOT), check=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    [listed] = folder.glob("*.egg-info/SOURCES.txt")
    return folder / "lib", set(listed.read_text(encoding="utf-8").splitlines())


def _files(folder):
    return {path.relative_to(folder.parent).as_posix() for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def test_the_wheel_has_every_file_of_the_package(made):
    library, _ = made
    here = _files(_ROOT / "vrs")
    assert here - _files(library / "vrs") == set()
    # Among them what is read when it is needed.
    for name in ("report/templates/report.typ", "report/templates/summary.html.j2", "bibtex.py",
                 "protocols.conf"):
        assert "vrs/" + name in here
    for ending in (".onnx", ".json.template", ".json"):
        assert any(name.endswith(ending) for name in here), ending


def test_the_source_distribution_has_all_that_is_told_of(made):
    _, listed = made
    expected = {"setup.py", "requirements.txt", "LICENSE", "CHANGES.txt", "CITATION.cff",
                "README.rst", "conftest.py"} | _files(_ROOT / "vrs")
    for folder in ("docs", "benchmarks", "training", "scripts", "packaging"):
        expected |= {name for name in _files(_ROOT / folder) if "vrs_example" not in name}
    assert expected - listed == set()


def test_versions_agree():
    version = _text("CHANGES.txt").split()[0]
    assert version == vrs.__version__
    assert '"version": "%s"' % version in _text("docs/report_json.rst")


def test_what_a_registry_asks_for(tmp_path):
    pytest.importorskip("twine")
    subprocess.run([sys.executable, "-W", "ignore", "setup.py", "-q", "egg_info", "--egg-base",
                    str(tmp_path), "sdist", "--dist-dir", str(tmp_path / "dist")],
                   cwd=str(_ROOT), check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict"]
                   + [str(path) for path in (tmp_path / "dist").iterdir()], check=True)


@pytest.mark.parametrize("name, begins", [("Dockerfile", r"^FROM (\S+)$"),
                                          ("vrs.def", r"^From: (\S+)$")])
def test_recipes_install_this_repository(name, begins):
    text = _text("packaging/" + name)
    [image] = re.findall(begins, text, re.MULTILINE)
    version = re.fullmatch(r"python:3\.(\d+)-slim", image)
    assert version and 8 <= int(version.group(1)) < 13  # those for which Scipion can be installed
    assert re.search(r"pip install --no-cache-dir /opt/vrs-source\b", text)
    for command in re.findall(r"^ +(vrs (?!--).+)$", text, re.MULTILINE):
        _parser().parse_args(shlex.split(command)[1:])


def test_commands_for_other_systems_are_ours():
    guide = _text("docs/facility_guide.rst")
    section = guide.split("Containers and workflow managers\n====")[1].split("\n====")[0]
    joined = re.sub(r'\s*\\\n\s*| "\n\s*"', " ", section)
    commands = re.findall(r'^ +"?(vrs validate .+?)"?$', joined, re.MULTILINE)
    commands += ["vrs " + rest for rest in re.findall(r"^ +apptainer run vrs.sif (.+)$", joined,
                                                      re.MULTILINE)]
    commands += re.findall(r"^ +docker run .+ vrs (vrs .+)$", joined, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        options = _parser().parse_args(shlex.split(command)[1:])
        assert options.half2 and options.output
    for path in re.findall(r"packaging/\S+\b", section):
        assert (_ROOT / path).exists(), path


def test_the_list_of_benchmarks_is_complete():
    folder = _ROOT / "benchmarks"
    if not folder.is_dir():
        pytest.skip("sources without the benchmarks")
    text = (folder / "README.rst").read_text(encoding="utf-8")
    for path in folder.glob("*.py"):
        assert path.name == "__init__.py" or "benchmarks/%s" % path.name in text, path
    for module in re.findall(r"-m benchmarks\.verdicts\.(\w+)", text):
        assert (folder / "verdicts" / (module + ".py")).exists(), module
    for link in re.findall(r"<(\.\./\S+)>`__", text):
        assert (folder / link).exists(), link
