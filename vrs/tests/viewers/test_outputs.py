"""Which viewer opens what a level emits."""

from types import SimpleNamespace

import numpy as np
import pytest

from vrs.io.maps import write_map


def names(domain, target):
    return [viewer.__name__ for viewer in domain.findViewers(target, "tkinter")]


@pytest.fixture
def chimerax(domain, monkeypatch):
    """Sets the ChimeraX program that is found."""
    from vrs.viewers import programs

    def found(program):
        monkeypatch.setattr(programs, "chimerax", lambda: program)
    return found


@pytest.mark.parametrize("kind", ["Volume", "VolumeMask"])
def test_maps_open_in_sections_where_chimerax_is_not(domain, chimerax, kind):
    import pwem.objects
    chimerax(None)
    assert names(domain, getattr(pwem.objects, kind)())[0] == "VrsMapViewer"


def test_maps_open_in_chimerax_where_it_is(domain, chimerax):
    from pwem.objects import Volume
    chimerax("/opt/ChimeraX")
    found = names(domain, Volume())
    assert found[0] == "ChimeraViewer" and "VrsMapViewer" in found


def test_models_that_a_level_coloured_open_in_its_window(domain, chimerax, results_path):
    from pwem.objects import AtomStruct
    chimerax(None)
    assert names(domain, AtomStruct(str(results_path.parent / "q.cif")))[0] == "VrsModelViewer"
    chimerax("/opt/ChimeraX")
    assert names(domain, AtomStruct(str(results_path.parent / "q.cif"))) == [
        "ChimeraViewer", "VrsModelViewer"]


def test_models_of_others_are_left_to_others(domain, chimerax, tmp_path):
    from pwem.objects import AtomStruct
    chimerax(None)
    for path in (str(tmp_path / "model.cif"), None):
        assert "VrsModelViewer" not in names(domain, AtomStruct(path))


@pytest.fixture
def fscs(domain, tmp_path):
    """Two different curves in the folder of a run."""
    from pwem.objects import FSC, SetOfFSCs
    found = SetOfFSCs.create(str(tmp_path))
    for number in (1, 2):
        curve = FSC(objLabel="curve %d" % number)
        curve.setData([0.0, 0.1, 0.2], [1.0, 0.5 / number, 0.1 / number])
        found.append(curve)
    found.write()
    return found


def test_curves_of_a_level_are_drawn_and_others_left_alone(domain, fscs, tmp_path):
    assert "VrsFscViewer" not in names(domain, fscs)
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "results.json").touch()
    assert names(domain, fscs)[0] == "VrsFscViewer"


def test_each_curve_has_its_own_values(fscs):
    from vrs.viewers.outputs import curves_of, fsc_plot
    curves = curves_of(fscs)
    assert [name for name, _, _ in curves] == ["curve 1", "curve 2"]
    assert curves[0][2] == pytest.approx([1, 0.5, 0.1])
    assert curves[1][2] == pytest.approx([1, 0.25, 0.05])
    plot = fsc_plot(curves)
    assert [series.label for series in plot.series] == ["curve 1", "curve 2", "0.143", "0.5"]
    assert max(plot.series[2].x) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["map.mrc", "map.mrc:mrc", "1@map.mrc"])
def test_file_of_a_volume(domain, name):
    from vrs.protocols.forms import plain_name
    assert plain_name(SimpleNamespace(getFileName=lambda: name)) == "map.mrc"


def test_sections_of_a_map_of_a_level_have_its_scale(main_window, results_path):
    from pwem.objects import Volume

    from vrs.viewers.outputs import VrsMapViewer
    volume = Volume(str(results_path.parent / "map.mrc"))
    volume.setSamplingRate(2.0)
    window = VrsMapViewer(project=object(), parent=main_window).visualize(volume)
    assert window.slices.scale.label == "Density"
    assert [window.slices.count(axis) for axis in range(3)] == [20, 18, 16]


def test_map_beside_damaged_results_is_shown(main_window, tmp_path):
    from pwem.objects import Volume

    from vrs.viewers.outputs import VrsMapViewer
    (tmp_path / "results.json").write_text("{")
    write_map(str(tmp_path / "map.mrc"), np.ones((4, 4, 4), np.float32), 1.0)
    volume = Volume(str(tmp_path / "map.mrc"))
    volume.setSamplingRate(1.0)
    assert VrsMapViewer(project=object(), parent=main_window).visualize(volume) is not None


def test_map_that_is_gone_is_said(domain, tmp_path, said):
    from pwem.objects import Volume

    from vrs.viewers.outputs import VrsMapViewer
    volume = Volume(str(tmp_path / "gone.mrc"))
    volume.setSamplingRate(1.0)
    assert VrsMapViewer(project=object()).visualize(volume) is None
    assert len(said) == 1 and "gone.mrc" in said[0]


def test_model_that_is_gone_is_said(domain, results_path, said):
    from pwem.objects import AtomStruct

    from vrs.viewers.outputs import VrsModelViewer
    path = str(results_path.parent / "gone.cif")
    assert VrsModelViewer(project=object()).visualize(AtomStruct(path)) is None
    assert said == ["The model %s is missing; run its level again with Restart." % path]
