"""Items beside the programs that users would run instead: values and CPU time, in one run.

Usage: python benchmarks/other_programs.py FOLDER [--cctbx PYTHON] [--scf PYTHON FOLDER]

FOLDER is that of ``vrs example`` or of a set of ``benchmarks.verdicts``: map, half maps, model and
what is known of them. Each program runs in the interpreter that is given for it, and is left out
without:

--cctbx      cctbx-base (``pip install cctbx-base``): map_model_cc, mtriage and emringer
--scf        the folder of LibSphereWidgets.py, the authors' sampling compensation factor, with
             numba 0.57 and numpy 1.23

CPU seconds are those of whole processes, from start to end, with reading the files: what a user
waits for on a machine with one processor.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

import numpy as np

from vrs.io.headers import read_header
from vrs.io.maps import read_volume

_VRS = """
import json, sys
from vrs import inputs
from vrs.checks import get_check, run_check
given, item = json.loads(sys.argv[1]), sys.argv[2]
evidence = inputs.load(given, inputs.Run(1))
result, _ = run_check(get_check(item), evidence)
assert result.metrics, result.reason
print(json.dumps({name: metric.value for name, metric in result.metrics.items()}))
"""
_CCTBX = """
import io, json, sys
from scitbx.array_family import flex
import numpy as np, iotbx.pdb
from cctbx import crystal, uctbx
model, volume, sampling, resolution, program = sys.argv[1:]
volume = flex.double(np.load(volume))
symmetry = crystal.symmetry([count * float(sampling) for count in volume.all()] + [90] * 3, "P1")
hierarchy = iotbx.pdb.input(model).construct_hierarchy()
if program == "map_model_cc":
    from mmtbx.maps import map_model_cc
    options = map_model_cc.master_params().extract().map_model_cc
    options.resolution = float(resolution)
    run = map_model_cc.map_model_cc(volume, hierarchy, symmetry, options)
    run.run()
    found = run.get_results()
    values = {name: getattr(found, name) for name in ("cc_mask", "cc_box", "cc_volume", "cc_peaks")}
    values.update({name: getattr(found, name).cc for name in ("cc_main_chain", "cc_side_chain")})
elif program == "mtriage":
    from mmtbx.maps import mtriage
    atoms = hierarchy.extract_xray_structure(crystal_symmetry=symmetry)
    atoms.scattering_type_registry(table="electron")
    options = mtriage.master_params().extract()
    options.resolution = float(resolution)
    found = mtriage.mtriage(volume, xray_structure=atoms, crystal_symmetry=symmetry,
                            params=options).get_results().masked
    values = {"d99": found.d99, "d_model": found.d_model, "d_model_b0": found.d_model_b0,
              "d_fsc_model_05": found.d_fsc_model_05, "d_fsc_model_0143": found.d_fsc_model_0143}
else:
    from mmtbx.ringer import em_scoring, iterate_over_residues
    from mmtbx.ringer.emringer import master_params
    found = iterate_over_residues(
        pdb_hierarchy=hierarchy, params=master_params().extract(), map_data=volume,
        log=io.StringIO(), unit_cell=uctbx.unit_cell([float(sampling)] * 3 + [90] * 3))
    score = em_scoring.main("x", found.results, quiet=True, out=io.StringIO())
    values = {"score": score.score, "max_z": score.zscore_max, "model_length": score.length}
print(json.dumps({name: float(value) for name, value in values.items()}))
"""
_SCF = """
import json, sys
import numba, numpy as np
numba.autojit = numba.jit  # which later versions do without
sys.path.insert(0, sys.argv[1])
import LibSphereWidgets as program
views = np.load(sys.argv[2])
RADIUS = 50
spiral = program.GetIFibDirections_Now(int(2 * np.pi * RADIUS ** 2))
_, sampling, _ = program.ReturnSamplingLoop(spiral, views, RADIUS, 0, 90)
seen = sampling > 0
empty = 1 - seen.mean()
scf = 1 / np.mean(1 / sampling[seen]) / sampling.mean()
print(json.dumps({"scf": scf, "scf_star": scf / (1 + empty / (1 - empty) * sampling.mean() * scf),
                  "empty_percentage": 100 * empty}))
"""
_OUR_SCF = """
import json, sys
import numpy as np
from vrs.images.sampling import sampling_factor
from vrs.images.symmetry import point_group
found = sampling_factor(np.load(sys.argv[1]), point_group("C1"))
print(json.dumps({"scf": found.scf, "scf_star": found.scf_star,
                  "empty_percentage": 100 * found.empty_fraction}))
"""


def run(command):
    """What a command printed, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    done = subprocess.run(list(map(str, command)), check=True, env=environment,
                          stdout=subprocess.PIPE, universal_newlines=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def values_of(command):
    """The values that a command printed as JSON in its last line, and its CPU seconds."""
    printed, seconds = run(command)
    return json.loads(printed.splitlines()[-1]), seconds


def ours(given, item, *names):
    """Values of an item, and CPU seconds of its process."""
    command = [sys.executable, "-c", _VRS, json.dumps({
        name: given[name] for name in ("map", "threshold", "resolution") + names}), item]
    return values_of(command)


def show(title, own, other):
    """A row for each value that both have, and the ratio of times."""
    (values, seconds), (expected, reference) = own, other
    print("\n%s: CPU seconds %.1f and %.1f, ratio %.1f" % (
        title, seconds, reference, reference / seconds))
    for name in expected:
        print("  %-22s %9.3f %9.3f" % (name, values[name], expected[name]), flush=True)


def against_cctbx(python, given, volume, sampling):
    """A.a and A.f."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "map.npy")
        np.save(path, np.ascontiguousarray(volume.T, float))

        def program(name):
            return values_of([python, "-c", _CCTBX, given["model"], path, sampling,
                              given["resolution"], name])

        (first, one), (second, two) = program("map_model_cc"), program("mtriage")
        show("A.a and map_model_cc with mtriage", ours(given, "A.a", "model"),
             (dict(first, **second), one + two))
        show("A.f and emringer", ours(given, "A.f", "model"), program("emringer"))


def against_scf(python, program):
    """4.h on views from the side within 10° and a few others.

    Of more than 1909 views, which it divides at this radius, the program counts some twice.
    """
    rng = np.random.default_rng(0)
    z = np.append(np.sin(np.radians(rng.normal(0, 10, 1700))), rng.uniform(0, 1, 200))
    azimuth = rng.uniform(-np.pi, np.pi, len(z))
    around = np.sqrt(1 - z ** 2)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "views.npy")
        np.save(path, np.column_stack([around * np.cos(azimuth), around * np.sin(azimuth), z]))
        show("4.h and the authors' program", values_of([sys.executable, "-c", _OUR_SCF, path]),
             values_of([python, "-c", _SCF, os.path.abspath(program), path]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--cctbx", metavar="PYTHON")
    parser.add_argument("--scf", nargs=2, metavar=("PYTHON", "FOLDER"))
    options = parser.parse_args()
    with open(os.path.join(options.folder, "truth.json"), encoding="utf-8") as handle:
        truth = json.load(handle)
    given = {name: os.path.abspath(os.path.join(options.folder, file)) for name, file in (
        ("map", "map.mrc"), ("half1", "half1.mrc"), ("half2", "half2.mrc"),
        ("model", "model.cif"))}
    given.update({name: truth.get("given", truth)[name] for name in ("threshold", "resolution")})
    volume, _ = read_volume(read_header(given["map"]))
    print("%d³ voxels of %g Å, %g Å: vrs, and the other" % (
        len(volume), truth["sampling"], given["resolution"]))
    if options.scf:
        against_scf(*options.scf)
    if options.cctbx:
        against_cctbx(options.cctbx, given, volume, truth["sampling"])


if __name__ == "__main__":
    main()
