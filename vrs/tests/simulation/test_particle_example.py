import filecmp
import json
from types import SimpleNamespace

import gemmi
import mrcfile
import numpy as np
import pytest
from scipy import fft

from vrs.errors import InputError
from vrs.numerics import fourier, masks
from vrs.numerics.ctf import Optics, contrast_transfer
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.projection import CentralSections, Reconstruction, rotation_matrices
from vrs.simulation import density, expected
from vrs.simulation.particle_example import MOVEMENT, write_particle_example
from vrs.tests import proteins

# A coarse set is quick.
ARGUMENTS = dict(resolution=7.0, sampling=2.2, particle_count=800)


def load(folder, **options):
    paths = write_particle_example(str(folder), workers=2, **ARGUMENTS, **options)
    with open(paths["truth"], encoding="utf-8") as file:
        truth = json.load(file)
    volumes = {kind: mrcfile.read(paths[kind]) for kind in ("map", "half1", "half2")}
    structure = gemmi.read_structure(paths["model"])
    model = density.model_density(structure, truth["box"], truth["sampling"])
    return SimpleNamespace(paths=paths, truth=truth, volumes=volumes, structure=structure,
                           model=model * truth["particles"]["density_scale"])


@pytest.fixture(autouse=True, scope="module")
def built_once():
    with proteins.built_once():
        yield


@pytest.fixture(scope="module")
def uniform(tmp_path_factory):
    return load(tmp_path_factory.mktemp("uniform"))


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    return load(tmp_path_factory.mktemp("uneven"), kind="top", uneven=True)


def fsc(volume1, volume2):
    return shell_correlation(fft.rfftn(volume1), fft.rfftn(volume2), volume1.shape)


def read_particles(path):
    """Columns of a STAR file by the names that RELION gives them."""
    document = gemmi.cif.read(path)
    assert [block.name for block in document] == ["optics", "particles"]
    tables = []
    for block in document:
        table = block.find(block[0].loop.tags)
        tables.append({tag: list(table.column(number))
                       for number, tag in enumerate(block[0].loop.tags)})
    return tables


def numbers(table, *names):
    return np.array([[float(value) for value in table["_rln" + name]] for name in names]).T


@pytest.mark.parametrize("name", ["uniform", "uneven"])
def test_halves_correlate_as_the_truth_says(name, request):
    case = request.getfixturevalue(name)
    curve = np.array(case.truth["half_maps"]["fsc"])
    found = fsc(case.volumes["half1"], case.volumes["half2"])
    independent = fourier.shell_counts(case.volumes["map"].shape) / 2
    # Variance of the FSC of a fixed signal with independent noise in each half. Neighbouring
    # coefficients share images, and a missing cone holds none.
    error = np.sqrt((1 - curve ** 2) / independent)
    inside = slice(2, len(curve) - 2)
    assert np.all(np.abs(found - curve)[inside] < 5 * error[inside])
    assert case.truth["resolution"] == pytest.approx(
        case.truth["half_maps"]["fsc_resolutions"]["0.143"], abs=0.006)


def test_resolution_is_near_the_wanted_one(uniform):
    assert uniform.truth["resolution"] == pytest.approx(ARGUMENTS["resolution"], rel=0.05)


def test_noise_power_is_that_of_the_halves_difference(uniform):
    difference = fft.rfftn((uniform.volumes["half1"] - uniform.volumes["half2"]) / np.sqrt(2))
    power = fourier.mean_amplitudes(np.abs(difference) ** 2, uniform.model.shape)
    expected_power = np.array(uniform.truth["half_maps"]["noise_power"])
    assert power[5:-2] == pytest.approx(expected_power[5:-2], rel=0.15)


def test_halves_agree_with_the_model_and_not_with_its_mirror(uniform):
    truth = uniform.truth["half_maps"]
    found = np.mean([fsc(uniform.volumes[half], uniform.model) for half in ("half1", "half2")],
                    axis=0)
    # The mean of the background was taken off the halves.
    assert found[1:] == pytest.approx(truth["fsc_of_a_half_with_the_model"][1:], abs=1e-3)
    # Signal apart from noise: C_ref is the root of the FSC.
    assert found[3:-2] == pytest.approx(np.sqrt(np.array(truth["fsc"])[3:-2]), abs=0.08)
    shells = slice(4, int(uniform.truth["box"] * uniform.truth["sampling"] / 8))
    mirrored = fsc(uniform.volumes["half1"], np.roll(uniform.model[::-1], 1, axis=0))
    assert found[shells].mean() > 0.5 and mirrored[shells].mean() < 0.35


def test_a_half_follows_from_the_files_alone(uniform):
    """The STAR file and the stack, read by the conventions of RELION, give the half map."""
    optics, table = read_particles(uniform.paths["particles"])
    sampling, box = float(optics["_rlnImagePixelSize"][0]), int(optics["_rlnImageSize"][0])
    microscope = Optics(*(float(optics["_rln" + name][0]) for name in (
        "Voltage", "SphericalAberration", "AmplitudeContrast")))
    subset = numbers(table, "RandomSubset")[:, 0]
    assert sorted(set(subset)) == [1, 2] and np.sum(subset == 1) == len(subset) / 2
    chosen = np.flatnonzero(subset == 1)
    assert table["_rlnImageName"][chosen[3]] == "%06d@particles.mrcs" % (chosen[3] + 1)
    images = mrcfile.read(uniform.paths["stack"])[chosen]
    assert images.shape[1:] == (box, box)

    sections = CentralSections(box)
    placement = sections.place(rotation_matrices(
        *numbers(table, "AngleRot", "AngleTilt", "AnglePsi")[chosen].T))
    # Origins say how to move an image so that it is centred.
    centring = sections.shifts(numbers(table, "OriginXAngst", "OriginYAngst")[chosen] / sampling)
    ctf = contrast_transfer(sections.wave_numbers / (box * sampling),
                            numbers(table, "DefocusU", "DefocusV", "DefocusAngle")[chosen],
                            microscope)
    made = Reconstruction(sections)
    made.insert(placement, [sections.coefficients(images) * centring], ctf)
    found, half = made.volume(), uniform.volumes["half1"]
    assert found - found.mean() == pytest.approx(half - half.mean(), abs=1e-3 * half.max())


def test_noise_of_the_images_has_variance_1(uniform):
    corner = mrcfile.read(uniform.paths["stack"])[:, :6, :6]
    assert corner.var() == pytest.approx(1, abs=0.03)
    with mrcfile.mmap(uniform.paths["stack"]) as stack:
        assert stack.is_image_stack()
        assert float(stack.voxel_size.x) == pytest.approx(ARGUMENTS["sampling"])


def test_domains_are_as_resolved_as_the_truth_says(uneven):
    truth, sampling = uneven.truth, uneven.truth["sampling"]
    nearest = expected.nearest_chain(uneven.structure, truth["box"], sampling)
    for number, name in enumerate("AB"):
        mask = masks.soft_mask(nearest == number)
        found = fsc(uneven.volumes["half1"] * mask, uneven.volumes["half2"] * mask)
        curve = np.array(truth["domains"][name]["masked_fsc"])
        # A domain has few independent coefficients in a shell.
        assert np.mean(np.abs(found - curve)[3:-2]) < 0.06
    fixed, moving = (truth["domains"][name]["masked_fsc_resolutions"]["0.143"] for name in "AB")
    assert moving > 1.15 * fixed


def test_even_domains_are_equally_resolved(uniform):
    one, other = (uniform.truth["domains"][name]["masked_fsc_resolutions"]["0.5"]
                  for name in "AB")
    assert one == pytest.approx(other, rel=0.1)


def test_movement_blurs_as_the_b_factors_of_the_model_say(uneven):
    extra = (uneven.structure[0]["B"][0]["CA"][0].b_iso
             - uneven.structure[0]["A"][0]["CA"][0].b_iso)
    assert extra == pytest.approx(8 * np.pi ** 2 * MOVEMENT ** 2, rel=1e-3)
    box = uneven.truth["box"]
    nearest = expected.nearest_chain(uneven.structure, box, uneven.truth["sampling"])
    mean = fft.rfftn((uneven.volumes["half1"] + uneven.volumes["half2"]) / 2
                     * masks.soft_mask(nearest == 1))
    model = fft.rfftn(uneven.model * masks.soft_mask(nearest == 1))
    # Seen from the top, what lies within the plane of the sections is complete.
    z, y, x = np.meshgrid(*[np.fft.fftfreq(box)] * 2, np.fft.rfftfreq(box), indexing="ij")
    radius = np.sqrt(x ** 2 + y ** 2 + z ** 2) / uneven.truth["sampling"]
    chosen = (radius > 1 / 11) & (radius < 1 / 8.5) & (np.abs(z) < np.hypot(x, y))
    gain = np.sum((mean * model.conj()).real[chosen]) / np.sum(np.abs(model[chosen]) ** 2)
    # Without the blur it would be exp(178 / (4 * 9.5²)) = 1.6.
    assert gain == pytest.approx(1, abs=0.1)


def test_top_views_leave_z_unseen(uneven):
    orientations = uneven.truth["orientations"]
    assert orientations["kind"] == "top" and orientations["empty_cone_half_angle"] == 30
    for row in orientations["directional"]:
        colatitude = np.degrees(np.arccos(row["direction"][2]))
        if colatitude < 26:
            assert row["relative_sections"] == 0
        if colatitude < 8:
            assert row["resolution"] is None
    # Coefficients of the halves in the cone against those beside it.
    transform = np.abs(fft.fftn(uneven.volumes["half1"])) ** 2
    axis = np.fft.fftfreq(uneven.truth["box"], 1 / uneven.truth["box"])
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(x ** 2 + y ** 2 + z ** 2)
    shell = (radius > 15) & (radius < 25)
    cosine = np.abs(z[shell]) / radius[shell]
    power = transform[shell]
    inside, outside = cosine > np.cos(np.radians(22)), cosine < np.cos(np.radians(38))
    # What leaks is noise that the sides of the box cut.
    assert power[inside].mean() < 0.06 * power[outside].mean()


def test_same_arguments_give_the_same_bytes(tmp_path):
    first, again = (write_particle_example(
        str(tmp_path / str(workers)), workers=workers, resolution=8.0, sampling=3.0,
        particle_count=40) for workers in (2, 1))
    for kind, path in first.items():
        assert filecmp.cmp(path, again[kind], shallow=False), kind


def test_one_body_in_a_clean_background(uniform):
    volume, truth = uniform.volumes["map"], uniform.truth
    _, sizes = masks.label_components(volume >= truth["threshold"])
    assert sizes.max() > 0.95 * sizes.sum()
    outside = ~masks.hard_mask(volume, truth["threshold"], truth["sampling"])
    assert abs(volume[outside].mean()) < 0.001 * volume[outside].std()


def test_readme_names_files_and_command(uneven):
    with open(uneven.paths["readme"], encoding="utf-8") as file:
        text = file.read()
    for part in ("--half1 half1.mrc --half2 half2.mrc", "particles.star", "Chain B is displaced",
                 "--threshold %g --resolution %g" % (uneven.truth["threshold"],
                                                     uneven.truth["resolution"])):
        assert part in text
    assert max(map(len, text.splitlines())) < 100


def test_resolution_that_the_sampling_cannot_hold(tmp_path):
    with pytest.raises(InputError, match="2.2 times the sampling"):
        write_particle_example(str(tmp_path / "none"), resolution=2.5, sampling=1.4)
    assert not (tmp_path / "none").exists()
