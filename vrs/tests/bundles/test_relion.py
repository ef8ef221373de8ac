import os
import shutil

import pytest

from vrs import bundles, inputs
from vrs.errors import InputError
from vrs.io.workflows import read_workflow
from vrs.library import levels_of
from vrs.tests.bundles.relion_projects import (SUCCESS, add_picking, add_refinement,
                                               whole_project)
from vrs.tests.protocols import maps

VERSIONS = ("3.0", "3.1", "4.0", "5.0")


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """A project of each version."""
    folder = tmp_path_factory.mktemp("projects")
    return {version: whole_project(folder / version, version) for version in VERSIONS}


@pytest.fixture
def project(tmp_path):
    """A project that may be spoilt."""
    return whole_project(tmp_path / "project")


def taken(project, name, **given):
    """What a job fills in, with paths from the project on."""
    filled = bundles.filled(dict(given, relion=str(project.path(name))))
    top = os.path.realpath(str(project.folder)) + os.sep
    return {option: value.replace(top, "") if isinstance(value, str) else value
            for option, value in filled.given.items()}


def problems(path, **given):
    with pytest.raises(InputError) as caught:
        bundles.filled(dict(given, relion=str(path)))
    return caught.value.problems


REFINED = {
    "half1": "Refine3D/job010/run_half1_class001_unfil.mrc",
    "half2": "Refine3D/job010/run_half2_class001_unfil.mrc",
    "particles": "Refine3D/job010/run_data.star", "symmetry": "D2",
    "classes": "Class2D/job008/run_it025_model.star",
    "micrographs": "MotionCorr/job002/Movies"}
SHARPENED = dict(REFINED, map="PostProcess/job012/postprocess.mrc", resolution=6.25,
                 mask="MaskCreate/job011/mask.mrc")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sharpened_map_leads_to_all_that_it_was_made_from(projects, version):
    assert taken(projects[version], "PostProcess/job012") == dict(
        SHARPENED, workflow="PostProcess/job012")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name, expected", [
    ("Refine3D/job010", dict(REFINED, map="Refine3D/job010/run_class001.mrc", resolution=8.5,
                             sampling=maps.SAMPLING)),
    ("CtfRefine/job013", dict(SHARPENED,
                              particles="CtfRefine/job013/particles_ctf_refine.star")),
    ("Polish/job014", dict(SHARPENED, particles="Polish/job014/shiny.star")),
    ("MaskCreate/job011", dict(REFINED, map="Refine3D/job010/run_class001.mrc", resolution=8.5,
                               sampling=maps.SAMPLING, mask="MaskCreate/job011/mask.mrc")),
    ("Class2D/job008", {"particles": "Class2D/job008/run_it025_data.star",
                        "classes": "Class2D/job008/run_it025_model.star",
                        "micrographs": "MotionCorr/job002/Movies"})])
def test_each_type_of_job(projects, version, name, expected):
    assert taken(projects[version], name) == dict(expected, workflow=name)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_taken_can_be_read(projects, version):
    given = bundles.filled({"relion": str(projects[version].path("PostProcess/job012")),
                            "threshold": 0.5}).given
    inputs.probe(given)
    evidence = inputs.load(given, only=("reported", "map", "half_maps", "particles", "workflow",
                                        "classes", "micrographs"))
    assert not evidence.failures
    assert evidence.particles.symmetry == "D2" and evidence.particles.table.has_angles
    assert len(evidence.micrographs.picked) == 2 and len(evidence.classes.numbers) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_the_workflow_is_what_led_to_the_job(projects, version):
    workflow = read_workflow(str(projects[version].path("PostProcess/job012")))
    assert [(step.id, step.parents) for step in workflow.steps] == [
        ("job001", []), ("job002", ["job001"]), ("job005", ["job002"]), ("job008", ["job005"]),
        ("job009", ["job008"]), ("job010", ["job009"]), ("job011", ["job010"]),
        ("job012", ["job010", "job011"])]
    assert workflow.file_name == "default_pipeline.star" and workflow.absent == []
    named = {step.id: step for step in workflow.steps}
    assert named["job009"].label == "good" and named["job009"].protocol == "Select"
    assert named["job012"].label == "PostProcess"
    assert named["job012"].plugin == "RELION"
    assert named["job012"].version == version + "-commit-abcdef"


def test_the_graph_is_put_together_from_the_jobs_where_that_of_the_project_is_missing(project):
    project.path("default_pipeline.star").unlink()
    assert taken(project, "PostProcess/job012") == dict(SHARPENED, workflow="PostProcess/job012")
    workflow = read_workflow(str(project.path("PostProcess/job012")))
    assert len(workflow.steps) == 8 and workflow.file_name == "job_pipeline.star"


def test_what_is_given_wins_and_is_told(project, tmp_path):
    mask = str(tmp_path / "mine.mrc")
    shutil.copy(str(project.path("MaskCreate/job011/mask.mrc")), mask)
    path = str(project.path("PostProcess/job012"))
    filled = bundles.filled({"relion": path, "mask": mask, "resolution": "7"})
    assert filled.given["mask"] == mask and filled.given["resolution"] == "7"
    assert filled.stem == "PostProcess_job012"
    half = os.path.realpath(str(project.path("Refine3D/job010/run_half1_class001_unfil.mrc")))
    assert "half1: %s (PostProcess/job012/postprocess.star)" % half in filled.told
    assert "resolution: as given, instead of 6.25 (PostProcess/job012/postprocess.star)" in (
        filled.told)
    assert any(line.startswith("mask: as given, instead of ") for line in filled.told)


def test_a_job_is_found_by_its_alias_and_by_its_files(project):
    os.symlink("job012", str(project.path("PostProcess/final")))
    for name in ("PostProcess/final", "PostProcess/job012/", "PostProcess/job012/job.star"):
        assert taken(project, name)["map"] == "PostProcess/job012/postprocess.mrc"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name, list_name", [("AutoPick/job004", "/autopick.star"),
                                             ("ManualPick/job003", "/manualpick.star")])
def test_picked_particles_lead_to_their_micrographs(tmp_path, version, name, list_name):
    project = whole_project(tmp_path, version)
    add_picking(project, name)
    found = taken(project, name)
    # Only the tables of micrographs since version 3.1 tell the pixel size.
    assert found.pop("sampling_micrographs", None) == (None if version == "3.0" else 1.25)
    assert found == {"coordinates": name + (list_name if project.is_new else ""),
                     "micrographs": "MotionCorr/job002/Movies", "workflow": name}
    given = bundles.filled({"relion": str(project.path(name))}).given
    inputs.probe(given)
    assert "5" in [level.id for level in levels_of(given)]
    picked = inputs.load(given).micrographs.picked
    assert [os.path.basename(one.path) for one in picked] == ["mic0.mrc", "mic1.mrc"]
    assert [one.points.tolist() for one in picked] == [
        [[20, 40 + number], [30, 40 + number], [40, 40 + number]] for number in range(2)]


def test_picked_particles_without_micrographs_are_told(project):
    add_picking(project, "AutoPick/job004")
    shutil.rmtree(str(project.path("MotionCorr/job002/Movies")))
    told = bundles.filled({"relion": str(project.path("AutoPick/job004"))}).told
    assert any(line.startswith("micrographs: not taken") and "--micrographs" in line
               for line in told)


def test_a_picker_that_was_only_trained_is_refused(project):
    add_picking(project, "AutoPick/job004")
    project.path("AutoPick/job004/autopick.star").unlink()
    assert "no coordinates (autopick.star)" in problems(project.path("AutoPick/job004"))[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_extracted_particles_lead_to_their_micrographs(tmp_path, version):
    project = whole_project(tmp_path, version)
    project.write_particles("Extract/job005/particles.star", angles=False)
    assert taken(project, "Extract/job005") == {
        "particles": "Extract/job005/particles.star", "workflow": "Extract/job005",
        "micrographs": "MotionCorr/job002/Movies"}


def test_the_last_of_continued_refinements_counts(project):
    for run in ("run_ct9", "run_ct16"):
        add_refinement(project, "Refine3D/job010", "", maps.blob(), maps.halves(), run)
    found = taken(project, "Refine3D/job010")
    assert found["map"] == "Refine3D/job010/run_ct16_class001.mrc"
    assert found["particles"] == "Refine3D/job010/run_ct16_data.star"


def test_a_calibrated_pixel_size_counts(project):
    job = project.path("PostProcess/job012/job.star")
    job.write_text(job.read_text().replace("angpix -1", "angpix 1.98"))
    assert taken(project, "PostProcess/job012")["sampling"] == 1.98


def classified(project, shares):
    project.job("Class3D/job015", ["Select/job009/particles.star"], [], [("sym_name", "C1")])
    stem = "Class3D/job015/run_it025"
    names = ["%s_class%03d.mrc" % (stem, number) for number in range(1, len(shares) + 1)]
    for name in names:
        project.write_map(name, maps.blob())
    project.write_particles(stem + "_data.star", classes=len(shares))
    project.write_star(stem + "_model.star", {
        "model_general": {"rlnPixelSize": maps.SAMPLING},
        "model_classes": (["rlnReferenceImage", "rlnClassDistribution", "rlnEstimatedResolution"],
                          [[name, share, 9.5 + number]
                           for number, (name, share) in enumerate(zip(names, shares))])})


def test_of_a_3d_classification_the_largest_class_is_taken(project):
    classified(project, [0.2, 0.7, 0.1])
    found = taken(project, "Class3D/job015")
    assert found["map"] == "Class3D/job015/run_it025_class002.mrc" and found["resolution"] == 10.5
    # Particles of other classes say nothing of this map.
    assert "particles" not in found and "micrographs" not in found
    told = bundles.filled({"relion": str(project.path("Class3D/job015"))}).told
    assert any("class 2 of 3, with 70 % of the particles" in line for line in told)
    assert any("select those of class 2" in line for line in told)


def test_of_a_single_3d_class_the_particles_are_taken(project):
    classified(project, [1.0])
    found = taken(project, "Class3D/job015")
    assert found["particles"] == "Class3D/job015/run_it025_data.star" and found["symmetry"] == "C1"


def test_micrographs_that_were_removed_are_told(project):
    shutil.rmtree(str(project.path("MotionCorr/job002/Movies")))
    assert "micrographs" not in taken(project, "PostProcess/job012")
    told = bundles.filled({"relion": str(project.path("PostProcess/job012"))}).told
    assert any("MotionCorr/job002/Movies/mic0.mrc is not there" in line for line in told)


def test_half_maps_from_elsewhere_have_no_particles(project):
    for number in (1, 2):
        os.rename(str(project.path("Refine3D/job010/run_half%d_class001_unfil.mrc" % number)),
                  str(project.path("half%d.mrc" % number)))
    star = project.path("PostProcess/job012/postprocess.star")
    star.write_text(star.read_text().replace("Refine3D/job010/run_half1_class001_unfil", "half1")
                    .replace("Refine3D/job010/run_half2_class001_unfil", "half2"))
    assert set(taken(project, "PostProcess/job012")) == {
        "map", "half1", "half2", "mask", "resolution", "workflow"}


def test_missing_files_are_told_together(project):
    for name in ("PostProcess/job012/postprocess.mrc", "MaskCreate/job011/mask.mrc",
                 "Refine3D/job010/run_half2_class001_unfil.mrc"):
        project.path(name).unlink()
    path = project.path("PostProcess/job012")
    found = problems(path)
    assert len(found) == 3
    assert all("is not there" in problem for problem in found)
    assert "half map 2" in found[1] and "--half2" in found[1]
    # What is given instead is not missed.
    assert len(problems(path, mask="/elsewhere/mask.mrc")) == 2


def test_moved_projects_are_told(project):
    star = project.path("PostProcess/job012/postprocess.star")
    star.write_text(star.read_text().replace("MaskCreate/", "/old/place/project/MaskCreate/"))
    [problem] = problems(project.path("PostProcess/job012"))
    assert "/old/place/project/MaskCreate/job011/mask.mrc is not there" in problem
    assert "moved" in problem and str(project.path("MaskCreate/job011/mask.mrc")) in problem
    assert "--mask" in problem


def test_unfinished_jobs_are_refused(project):
    path = project.path("PostProcess/job012")
    (path / SUCCESS).unlink()
    assert "not finished" in problems(path)[0]
    (path / "RELION_JOB_EXIT_FAILURE").write_text("")
    assert "failed" in problems(path)[0]
    (path / "RELION_JOB_EXIT_FAILURE").rename(path / "RELION_JOB_EXIT_ABORTED")
    assert "aborted" in problems(path)[0]


def test_unfinished_jobs_of_the_first_version_are_refused(tmp_path):
    project = whole_project(tmp_path, "3.0")
    path = project.path("default_pipeline.star")
    path.write_text(path.read_text().replace("PostProcess/job012/ None 15 2",
                                             "PostProcess/job012/ None 15 0"))
    assert "not finished" in problems(project.path("PostProcess/job012"))[0]


def test_what_is_no_job_is_refused(project, tmp_path):
    assert "neither job.star" in problems(tmp_path)[0]
    assert "no folder" in problems(tmp_path / "nowhere")[0]
    [problem] = problems(project.folder)
    assert "PostProcess/job012 for instance" in problem
    [problem] = problems(project.path("MotionCorr/job002"))
    assert "type MotionCorr" in problem and "PostProcess" in problem


def test_a_refinement_without_its_end_is_refused(project):
    project.path("Refine3D/job010/run_data.star").unlink()
    assert "run_data.star" in problems(project.path("Refine3D/job010"))[0]


def test_polishing_that_only_trained_is_refused(project):
    project.path("Polish/job014/shiny.star").unlink()
    assert "shiny.star" in problems(project.path("Polish/job014"))[0]


def test_a_real_2d_classification_of_version_5(test_data, tmp_path):
    source = test_data("particles/relion5_betagal")
    folder = tmp_path / "Class2D/job010"
    folder.mkdir(parents=True)
    for name, target in (("Class2D_job.star", "job.star"),
                         ("Class2D_run_it025_model.star", "run_it025_model.star"),
                         ("Class2D_run_it025_classes.mrcs", "run_it025_classes.mrcs"),
                         ("particles_21-25.star", "run_it025_data.star")):
        (folder / target).symlink_to(source / name)
    (folder / SUCCESS).write_text("")
    filled = bundles.filled({"relion": str(folder)})
    assert set(filled.given) == {"particles", "classes", "workflow"}
    assert any("micrographs: not taken" in line for line in filled.told)
    inputs.probe(filled.given)
    evidence = inputs.load(filled.given)
    assert not evidence.failures and len(evidence.classes.numbers) == 50
    assert len(evidence.particles.table) == 1157 and evidence.particles.table.has_classes
    [step] = evidence.workflow.steps
    assert (step.id, step.protocol, step.parents) == ("job010", "Class2D", [])


def test_the_particles_are_those_of_the_half_maps(project):
    """A refinement was continued after its half maps were sharpened."""
    add_refinement(project, "Refine3D/job010", "", maps.blob(), maps.halves(), "run_ct16")
    assert taken(project, "PostProcess/job012")["particles"] == "Refine3D/job010/run_data.star"
    assert taken(project, "Refine3D/job010")["particles"] == "Refine3D/job010/run_ct16_data.star"


def test_jobs_that_were_deleted_are_missed_in_the_workflow(project):
    shutil.rmtree(str(project.path("Extract/job005")))
    workflow = read_workflow(str(project.path("PostProcess/job012")))
    assert [step.id for step in workflow.steps] == ["job008", "job009", "job010", "job011",
                                                    "job012"]
    assert workflow.absent == ["job005"]


def test_half_maps_are_those_that_the_job_took_where_its_results_do_not_name_them(project):
    star = project.path("PostProcess/job012/postprocess.star")
    star.write_text("".join(line for line in star.read_text().splitlines(True)
                            if "rlnUnfilteredMapHalf" not in line))
    found = taken(project, "PostProcess/job012")
    assert (found["half1"], found["half2"]) == (REFINED["half1"], REFINED["half2"])


@pytest.mark.parametrize("version, where", [("5.0", "job.star"), ("3.0", "run.job"),
                                            ("3.0", "note.txt")])
def test_the_symmetry_is_that_of_the_options_where_the_results_do_not_tell_it(tmp_path, version,
                                                                               where):
    project = whole_project(tmp_path, version)
    project.path("Refine3D/job010/run_sampling.star").unlink()
    if where == "note.txt":
        path = project.path("Refine3D/job010/run.job")
        path.write_text(path.read_text().replace("Symmetry: == D2\n", ""))
    filled = bundles.filled({"relion": str(project.path("Refine3D/job010"))})
    assert "symmetry: D2 (Refine3D/job010/%s)" % where in filled.told


def test_the_mask_of_a_refinement_is_taken(project):
    project.job("Refine3D/job016", ["Select/job009/particles.star",
                                    "MaskCreate/job011/mask.mrc:Mask3D"], [],
                [("sym_name", "D2"), ("fn_mask", "MaskCreate/job011/mask.mrc")])
    add_refinement(project, "Refine3D/job016", "", maps.blob(), maps.halves())
    assert taken(project, "Refine3D/job016")["mask"] == "MaskCreate/job011/mask.mrc"


def test_inputs_can_be_left_out(project):
    path = project.path("PostProcess/job012")
    filled = bundles.filled({"relion": str(path), "mask": "none", "particles": "None"})
    # The symmetry and the micrographs belong to the particles.
    assert set(filled.given) == {"map", "half1", "half2", "resolution", "classes", "workflow"}
    assert "mask: left out, as requested" in filled.told
    # What is left out is not missed either.
    project.path("MaskCreate/job011/mask.mrc").unlink()
    bundles.filled({"relion": str(path), "mask": "none"})
    assert len(problems(path)) == 1


def test_without_a_job_none_is_the_name_of_a_file(tmp_path):
    assert bundles.filled({"map": "none"}).given == {"map": "none"}
