"""Jobs of cryoSPARC 4 and 5, and groups that it exported, made here."""

import json
import os

import numpy as np
import pytest

from vrs import bundles, inputs
from vrs.errors import InputError
from vrs.io.maps import write_map
from vrs.io.workflows import read_workflow
from vrs.tests.protocols import maps

VERSIONS = ("v4.4.1", "v5.0.2")
COUNT = 12


def describe(project, uid, kind, version, parents=(), outputs=(), params=(), status="completed",
             resolution=None):
    """Write the description of a job; outputs are name, type and tables by result."""
    folder = project / uid
    folder.mkdir(parents=True, exist_ok=True)
    statistics = {"fsc_info_best": {"radwn_final_A": resolution}} if resolution else {}
    content = {"uid": uid, "project_uid": "P1", "status": status, "version": version,
               "title": "New Job " + uid, "parents": list(parents)}
    results = [(name, kind_, result, [first, table] if first else [table])
               for name, kind_, result, first, table in outputs]
    if version < "v5":
        content.update(
            job_type=kind, params_spec={name: {"value": value} for name, value in params},
            input_slot_groups=[{"connections": [{"job_uid": parent, "group_name": "particles"}]}
                               for parent in parents],
            output_result_groups=[{"name": name, "type": kind_, "latest_summary_stats": (
                statistics if kind_ == "volume" else {})} for name, kind_, *_ in results],
            output_results=[{"group_name": name, "name": result, "metafiles": tables}
                            for name, _, result, tables in results])
    else:
        spec = {}
        for name, kind_, result, tables in results:
            made = spec.setdefault(name, {"type": kind_, "results": [], "latest_summary_stats": (
                statistics if kind_ == "volume" else {})})
            made["results"].append({"name": result, "metafiles": tables})
        content["spec"] = {
            "type": kind, "params": dict(params), "outputs": spec,
            "inputs": {"particles": {"type": "particle", "connections": [
                {"job_uid": parent, "output": "particles"} for parent in parents]}}}
    (folder / "job.json").write_text(json.dumps(content))
    return folder


def write_table(path, columns, count=1, first=1):
    """Write a .cs file."""
    kinds = {name: np.asarray(values) for name, values in columns.items()}
    rows = np.zeros(count, [("uid", np.uint64)] + [
        (name, values.dtype) + ((values.shape[1:],) if values.ndim > 1 else ())
        for name, values in kinds.items()])
    rows["uid"] = np.arange(first, first + count)
    for name, values in kinds.items():
        rows[name] = values
    with open(str(path), "wb") as handle:
        np.save(handle, rows)


def write_particles(folder, uid, space=True):
    """Write the particles of a job, and what passes through it."""
    random = np.random.default_rng(1)
    kind = "alignments3D" if space else "alignments2D"
    columns = {
        kind + "/pose": random.normal(size=(COUNT, 3) if space else COUNT).astype(np.float32),
        kind + "/shift": np.zeros((COUNT, 2), np.float32),
        kind + "/psize_A": np.full(COUNT, maps.SAMPLING, np.float32),
        kind + "/class": (np.arange(COUNT) % 2).astype(np.uint32)}
    write_table(folder / ("%s_003_particles.cs" % uid), columns, COUNT)
    write_table(folder / ("%s_passthrough_particles.cs" % uid), {
        "blob/path": np.array([b"J4/extract/mic.mrc"] * COUNT),
        "blob/idx": np.arange(COUNT, dtype=np.uint32),
        "blob/shape": np.full((COUNT, 2), maps.BOX, np.uint32),
        "blob/psize_A": np.full(COUNT, maps.SAMPLING, np.float32), **location()}, COUNT)


def location(folder="J2/motioncorrected"):
    """Columns that tell where particles were picked."""
    return {"location/micrograph_path": np.array(
                [b"%s/mic%d.mrc" % (folder.encode(), number % 2) for number in range(COUNT)]),
            "location/micrograph_shape": np.full((COUNT, 2), (128, 96), np.uint32),
            "location/center_x_frac": np.full(COUNT, 0.3, np.float32),
            "location/center_y_frac": np.full(COUNT, 0.6, np.float32)}


def write_exposures(path, folder="J2/motioncorrected"):
    """Write a table of the two micrographs."""
    write_table(path, {
        "micrograph_blob/path": np.array([b"%s/mic%d.mrc" % (folder.encode(), number)
                                          for number in range(2)]),
        "micrograph_blob/shape": np.full((2, 2), (128, 96), np.uint32),
        "micrograph_blob/psize_A": np.full(2, 1.25, np.float32)}, 2, first=100)


def add_picking(project, version):
    """Add jobs that picked, with blobs and with templates, and one that extracted."""
    for uid, kind, parents in (("J3", "blob_picker_gpu", ["J2"]),
                               ("J7", "template_picker_gpu", ["J2", "J6"])):
        folder = describe(project, uid, kind, version, parents, [
            ("micrographs", "exposure", "ctf_stats", "", uid + "/picked_micrographs.cs"),
            ("micrographs", "exposure", "micrograph_blob", "",
             "%s/%s_passthrough_micrographs.cs" % (uid, uid)),
            ("templates", "template", "blob", "", uid + "/templates.cs"),
            ("particles", "particle", "location", "", uid + "/picked_particles.cs"),
            ("particles", "particle", "pick_stats", "", uid + "/picked_particles.cs")])
        write_table(folder / "picked_micrographs.cs", {
            "ctf_stats/fit_data_path": np.array([b"J2/fit.npy"] * 2)}, 2, first=100)
        write_exposures(folder / (uid + "_passthrough_micrographs.cs"))
        write_table(folder / "templates.cs", {"blob/path": np.array([b"J6/templates.mrc"] * 2),
                                              "blob/idx": np.arange(2)}, 2, first=200)
        write_table(folder / "picked_particles.cs", dict(
            location(), **{"pick_stats/ncc_score": np.full(COUNT, 0.4, np.float32)}), COUNT)
    extracted = describe(project, "J8", "extract_micrographs_multi", version, ["J7"], [
        ("micrographs", "exposure", "micrograph_blob", "", "J8/J8_passthrough_micrographs.cs"),
        ("particles", "particle", "blob", "", "J8/extracted_particles.cs"),
        ("particles", "particle", "location", "", "J8/J8_passthrough_particles.cs")])
    write_exposures(extracted / "J8_passthrough_micrographs.cs")
    write_table(extracted / "extracted_particles.cs", {
        "blob/path": np.array([b"J8/extract/mic.mrc"] * COUNT),
        "blob/idx": np.arange(COUNT, dtype=np.uint32),
        "blob/shape": np.full((COUNT, 2), maps.BOX, np.uint32),
        "blob/psize_A": np.full(COUNT, maps.SAMPLING, np.float32)}, COUNT)
    write_table(extracted / "J8_passthrough_particles.cs", location(), COUNT)


def write_volumes(folder, uid, prefix=""):
    """Write the maps of a refinement, and their table; returns its name."""
    ball, halves = maps.blob(), maps.halves()
    volumes = {"map": ball, "map_sharp": 1.5 * ball, "map_half_A": halves[0],
               "map_half_B": halves[1], "mask_refine": ball > 0.2, "mask_fsc": ball > 0.3}
    columns = {}
    for name, volume in volumes.items():
        tail = "%s_003_volume_%s.mrc" % (uid, name)
        write_map(str(folder / tail), volume.astype(np.float32), maps.SAMPLING)
        columns[name + "/path"] = np.array([(prefix + "%s/%s" % (uid, tail)).encode()])
        columns[name + "/psize_A"] = np.array([maps.SAMPLING], np.float32)
    write_table(folder / ("%s_003_volume.cs" % uid), columns)
    return "%s_003_volume.cs" % uid


def whole_project(folder, version):
    """Import, picking, 2D classes, refinement."""
    describe(folder, "J1", "import_movies", version)
    describe(folder, "J2", "patch_motion_correction_multi", version, ["J1"])
    (folder / "J2/motioncorrected").mkdir()
    for number in range(2):
        write_map(str(folder / ("J2/motioncorrected/mic%d.mrc" % number)),
                  np.ones((1, 128, 96), np.float32), 1.0)
    describe(folder, "J4", "extract_micrographs_multi", version, ["J2"])
    classes = describe(folder, "J6", "class_2D_new", version, ["J4"], [
        ("particles", "particle", "alignments2D", "", "J6/J6_003_particles.cs"),
        ("particles", "particle", "blob", "", "J6/J6_passthrough_particles.cs")])
    write_particles(classes, "J6", space=False)
    for iteration in (0, 20):
        write_map(str(classes / ("J6_%03d_class_averages.mrc" % iteration)),
                  np.stack([maps.blob().sum(0), maps.blob().sum(1)]), maps.SAMPLING)
    refined = describe(folder, "J10", "nonuniform_refine_new", version, ["J6"], [
        ("volume", "volume", "map", "J10/J10_002_volume.cs", "J10/J10_003_volume.cs"),
        ("particles", "particle", "alignments3D", "J10/J10_002_particles.cs",
         "J10/J10_003_particles.cs"),
        ("particles", "particle", "blob", "", "J10/J10_passthrough_particles.cs")],
        [("refine_symmetry", "D2")], resolution=6.25)
    write_particles(refined, "J10")
    write_volumes(refined, "J10")
    return folder


@pytest.fixture(params=VERSIONS)
def project(request, tmp_path):
    return whole_project(tmp_path / "CS-project", request.param)


def taken(folder, path, **given):
    filled = bundles.filled(dict(given, cryosparc=str(path)))
    top = os.path.realpath(str(folder)) + os.sep
    return {option: value.replace(top, "") if isinstance(value, str) else value
            for option, value in filled.given.items()}


def problems(path, **given):
    with pytest.raises(InputError) as caught:
        bundles.filled(dict(given, cryosparc=str(path)))
    return caught.value.problems


VOLUMES = {"map": "J10_003_volume_map_sharp.mrc", "half1": "J10_003_volume_map_half_A.mrc",
           "half2": "J10_003_volume_map_half_B.mrc", "mask": "J10_003_volume_mask_refine.mrc"}


def test_a_refinement_leads_to_all_that_it_was_made_from(project):
    assert taken(project, project / "J10") == dict(
        {option: "J10/" + name for option, name in VOLUMES.items()}, sampling=maps.SAMPLING,
        resolution=6.25, particles="J10/J10_003_particles.cs", symmetry="D2", workflow="J10",
        micrographs="J2/motioncorrected", classes="J6/J6_020_class_averages.mrc")


def test_what_is_taken_can_be_read(project):
    given = bundles.filled({"cryosparc": str(project / "J10"), "threshold": 0.5}).given
    inputs.probe(given)
    evidence = inputs.load(given)
    assert not evidence.failures
    assert evidence.particles.table.has_angles and evidence.particles.symmetry == "D2"
    assert len(evidence.micrographs.picked) == 2 and len(evidence.classes.numbers) == 2
    assert evidence.workflow.steps[-1].protocol == "nonuniform_refine_new"


def test_a_2d_classification(project):
    assert taken(project, project / "J6") == {
        "particles": "J6/J6_003_particles.cs", "classes": "J6/J6_020_class_averages.mrc",
        "micrographs": "J2/motioncorrected", "workflow": "J6"}


def test_the_workflow_is_what_led_to_the_job(project):
    workflow = read_workflow(str(project / "J10"))
    assert [(step.id, step.parents) for step in workflow.steps] == [
        ("J1", []), ("J2", ["J1"]), ("J4", ["J2"]), ("J6", ["J4"]), ("J10", ["J6"])]
    assert workflow.file_name == "job.json" and workflow.steps[0].plugin == "cryoSPARC"
    assert workflow.steps[0].version in VERSIONS


def test_jobs_that_were_deleted_are_missed_in_the_workflow(project):
    (project / "J4/job.json").unlink()
    workflow = read_workflow(str(project / "J10"))
    assert [step.id for step in workflow.steps] == ["J6", "J10"] and workflow.absent == ["J4"]


PICKED = {"micrographs": "J2/motioncorrected", "sampling_micrographs": 1.25}


@pytest.fixture(params=VERSIONS)
def picking(request, tmp_path):
    project = whole_project(tmp_path / "CS-project", request.param)
    add_picking(project, request.param)
    return project


@pytest.mark.parametrize("uid", ["J3", "J7"])
def test_picked_coordinates_lead_to_their_micrographs(picking, uid):
    assert taken(picking, picking / uid) == dict(
        PICKED, coordinates=uid + "/picked_particles.cs", workflow=uid)
    given = bundles.filled({"cryosparc": str(picking / uid)}).given
    inputs.probe(given)
    evidence = inputs.load(given)
    assert not evidence.failures
    assert [len(one.points) for one in evidence.micrographs.picked] == [COUNT // 2] * 2
    for one in evidence.micrographs.picked:
        np.testing.assert_allclose(one.points, [[0.3 * 96, 0.6 * 128]] * (COUNT // 2), rtol=1e-6)
        assert one.sampling == 1.25  # whatever their headers say


def test_extracted_particles_lead_to_their_micrographs(picking):
    assert taken(picking, picking / "J8") == dict(
        PICKED, particles="J8/extracted_particles.cs", workflow="J8",
        classes="J6/J6_020_class_averages.mrc")
    for path in (picking / "J2/motioncorrected").iterdir():
        path.unlink()
    filled = bundles.filled({"cryosparc": str(picking / "J8")})
    assert "micrographs" not in filled.given and "sampling_micrographs" not in filled.given
    assert any("mic0.mrc is not there" in line for line in filled.told)


def test_micrographs_of_picks_that_are_gone_are_told(picking):
    for path in (picking / "J2/motioncorrected").iterdir():
        path.unlink()
    filled = bundles.filled({"cryosparc": str(picking / "J3")})
    assert set(filled.given) == {"coordinates", "workflow"}
    assert any(line.startswith("micrographs: not taken") for line in filled.told)


def test_particles_that_were_excluded_come_last(project):
    folder = project / "J11"
    folder.mkdir()
    for name in ("excluded", "selected"):
        write_table(folder / ("particles_%s.cs" % name), {
            "alignments2D/pose": np.zeros(3, np.float32)}, 3)
        (folder / ("J11_particles_%s.csg" % name)).write_text(
            "results:\n  alignments2D:\n    metafile: '>particles_%s.cs'\n" % name)
    assert taken(project, folder)["particles"] == "J11/J11_particles_selected.csg"


@pytest.mark.parametrize("are_there", [True, False])
def test_an_exported_job_that_picked(tmp_path, are_there):
    """Micrographs lie in the folder of their own group."""
    folder = tmp_path / "P1_J3_blob_picker"
    tables = {}
    for name, kind, result in (("particles", "particle", "location"),
                               ("micrographs", "exposure", "micrograph_blob")):
        place = folder / ("P1_J3_" + name)
        place.mkdir(parents=True)
        tables[name] = place / ("P1_J3_%s_exported.cs" % name)
        group(place, name, kind, [(result, tables[name].name)])
    write_table(tables["particles"], location(">J2/motioncorrected"), COUNT)
    write_exposures(tables["micrographs"], ">J2/motioncorrected")
    if are_there:
        images = folder / "P1_J3_micrographs/J2/motioncorrected"
        images.mkdir(parents=True)
        for number in range(2):
            write_map(str(images / ("mic%d.mrc" % number)), np.ones((1, 128, 96), np.float32), 1.0)
    found = taken(folder, folder)
    picks = {"coordinates": "P1_J3_particles/P1_J10_particles_exported.csg"}
    assert found == (dict(PICKED, micrographs="P1_J3_micrographs/J2/motioncorrected", **picks)
                     if are_there else picks)
    if are_there:
        assert len(inputs.load(bundles.filled({
            "cryosparc": str(folder)}).given).micrographs.picked) == 2


def group(folder, name, kind, tables):
    text = "created: 2024-01-01\ngroup:\n  description: ''\n  name: %s\n  type: %s\nresults:\n" % (
        name, kind)
    for result, table in tables:
        text += "  %s:\n    metafile: '>%s'\n    num_items: 1\n    type: %s.blob\n" % (
            result, table, kind)
    (folder / ("P1_J10_%s_exported.csg" % name)).write_text(text + "version: v4.4.1\n")


def test_an_exported_group_of_volumes(tmp_path):
    folder = tmp_path / "exports/groups/P1_J10_volume"
    (folder / "J10").mkdir(parents=True)
    table = write_volumes(folder / "J10", "J10", ">")
    os.rename(str(folder / "J10" / table), str(folder / "P1_J10_volume_exported.cs"))
    group(folder, "volume", "volume", [("map", "P1_J10_volume_exported.cs")])
    assert taken(folder, folder) == dict(
        {option: "J10/" + name for option, name in VOLUMES.items()}, sampling=maps.SAMPLING)


def test_an_exported_group_of_particles(tmp_path):
    folder = tmp_path / "exports/groups/P1_J10_particles"
    folder.mkdir(parents=True)
    write_particles(folder, "J10")
    group(folder, "particles", "particle", [
        ("alignments3D", "J10_003_particles.cs"), ("blob", "J10_passthrough_particles.cs")])
    found = taken(folder, folder)
    assert found == {"particles": "P1_J10_particles_exported.csg"}


def test_a_real_exported_group(test_data, tmp_path):
    name = "cryosparc_J2_particles_exported.cs"
    (tmp_path / name).symlink_to(test_data("particles/formats", name))
    found = taken(tmp_path, tmp_path)
    assert found == {"particles": name}
    inputs.probe(bundles.filled({"cryosparc": str(tmp_path)}).given)


def test_missing_files_are_told_together(project):
    for name in ("map_sharp", "map_half_B"):
        (project / ("J10/J10_003_volume_%s.mrc" % name)).unlink()
    found = problems(project / "J10")
    assert len(found) == 2 and "--map" in found[0] and "--half2" in found[1]
    assert len(problems(project / "J10", map="/elsewhere/map.mrc")) == 1


@pytest.mark.parametrize("status", ["running", "failed", "building"])
def test_unfinished_jobs_are_refused(tmp_path, status):
    describe(tmp_path, "J3", "homo_refine_new", "v4.4.1", status=status)
    [problem] = problems(tmp_path / "J3")
    assert "not finished" in problem and status in problem


def test_what_is_no_job_is_refused(tmp_path, project):
    assert "neither a job of cryoSPARC" in problems(tmp_path)[0]
    assert "no folder" in problems(tmp_path / "nowhere")[0]
    (project / "J10/job.json").write_text("[1")
    assert "not the description" in problems(project / "J10")[0]
    assert "no tables" in problems(project / "J1")[0]
