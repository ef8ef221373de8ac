import gemmi
import numpy as np
import pytest

from vrs.checks import run_check
from vrs.checks.level_A.guinier import MapModelGuinier, detrended_correlation
from vrs.checks.level_A.placement import model_of
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics import fourier, model_map
from vrs.results import Status
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import changed, evidence

INTEGRIN = ("emd_30342_integrin", "390_emd_30342_A_z4.mrc", "390_7cec_A.cif.gz", 3.9)
FRH = ("emd_2513_frh", "emd_2513.mrc", "rank1_daq_score_w9.pdb.gz", 3.4)


def result_of(volume, structure, resolution=4.0):
    data = evidence(volume, models.SAMPLING, float(volume.max()) / 2, resolution,
                    model=structure)
    return run_check(MapModelGuinier(), data)[0]


def placed(test_data, folder, map_file, model_file, resolution):
    found = read_map(test_data("map_model", folder, map_file))
    structure = read_model(test_data("map_model", folder, model_file)).structure
    data = evidence(found.volume, found.sampling, float(np.percentile(found.volume, 97)),
                    resolution, model=structure, origin=found.origin, placed=False)
    return changed(data, model=model_of(data))


def test_map_of_the_model_itself_but_blunter():
    structure = models.walk()
    volume = model_map.model_map(structure, (models.BOX,) * 3, models.SAMPLING, 3.0)
    volume = 7 * fourier.filtered(volume, models.SAMPLING, lambda f2: np.exp(-90 * f2 / 4))
    result = result_of(volume, structure)
    found = {name: metric.value for name, metric in result.metrics.items()}
    # The factor exp(-90 f²/4) is the same line in the profile but for the width of the shells.
    assert found["detrended_correlation"] > 0.999
    assert found["delta_b"] == pytest.approx(-90, abs=2)
    assert found["delta_b"] == pytest.approx(found["map_b_factor"] - found["model_b_factor"])
    assert found["correlation"] > 0.9 and result.status is Status.OK


def test_two_decays_correlate_and_only_the_rest_tells():
    x = np.arange(1, 101) / 1000.0
    rng = np.random.default_rng(6)
    bumps, others = (np.convolve(rng.normal(size=120), np.ones(8) / 8, "same")[:100]
                     for _ in range(2))
    one, other = -20 * x + 0.3 * bumps, -45 * x + 0.3 * others
    assert np.corrcoef(one, other)[0, 1] > 0.9
    assert abs(detrended_correlation(x, one, other, 3.3)) < 0.5
    assert detrended_correlation(x, one, -45 * x + 0.3 * bumps, 3.3) > 0.99


def test_only_10_angstrom_to_the_resolution_counts():
    x = np.arange(1, 101) / 1000.0
    inside = (x >= 0.01) & (x <= 1 / 4.0 ** 2)
    y = np.where(inside, np.sin(300 * x), 0)
    other = np.where(inside, y, np.random.default_rng(7).normal(size=100) * 50)
    assert detrended_correlation(x, y, other, 4.0) == pytest.approx(1)
    assert detrended_correlation(x, y, other, 5.5) is None  # coarser than 5 Å
    assert detrended_correlation(x[::10], y[::10], other[::10], 4.0) is None  # few shells


def test_flat_map_is_flagged():
    volume = np.random.default_rng(8).normal(size=(models.BOX,) * 3).astype(np.float32)
    volume = fourier.filtered(volume, models.SAMPLING, lambda f2: np.exp(60 * f2 / 4))
    result = result_of(volume, models.walk())
    assert result.metrics["correlation"].value < 0.5
    assert any("correlation of the Guinier profiles" in text for text in result.warnings)


def test_resolution_is_needed():
    result = result_of(models.noisy_map(models.walk()), models.walk(), None)
    assert result.status is Status.NOT_RUN and "resolution" in result.reason


def test_coarse_resolutions():
    volume = models.noisy_map(models.walk())
    result = result_of(volume, models.walk(), 6.0)
    assert result.metrics["detrended_correlation"].value is None
    outcomes = {outcome.name: outcome.outcome for outcome in result.criteria}
    assert outcomes["A.d.detrended_correlation"] == "not_evaluated"
    assert result_of(volume, models.walk(), 30.0).status is Status.NOT_MEASURED


@pytest.mark.parametrize("case", [INTEGRIN, FRH])
def test_random_atoms_break_the_telling_criterion_only(test_data, case):
    data = placed(test_data, *case)
    result, _ = run_check(MapModelGuinier(), data)
    assert result.status is Status.OK
    assert result.metrics["detrended_correlation"].value > 0.9
    mask = model_map.model_mask(data.model.structure, data.map.volume.shape, data.map.sampling)
    rng = np.random.default_rng(9)
    places = np.argwhere(mask)[:, ::-1]
    places = places[rng.integers(0, len(places), len(atom_positions(data.model.structure)))]
    scattered = data.model.structure.clone()
    places = places + rng.uniform(-0.5, 0.5, places.shape)
    for site, place in zip(scattered[0].all(), places):
        site.atom.pos = gemmi.Position(*(place * data.map.sampling))
    wrong, _ = run_check(MapModelGuinier(), changed(data, model=scattered))
    broken = [outcome.name for outcome in wrong.criteria if outcome.outcome == "broken"]
    assert broken == ["A.d.detrended_correlation"]
    assert wrong.metrics["correlation"].value > 0.8
