import pytest

from vrs import bundles, inputs
from vrs.errors import InputError
from vrs.tests.protocols import maps

HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<emd emdb_id="EMD-4321" version="3.0.4.0">
  <admin><current_status><code>REL</code></current_status><title>A channel</title></admin>
  <sample><supramolecule_list>
    <complex_supramolecule supramolecule_id="1"><parent>0</parent>
      %s</complex_supramolecule></supramolecule_list>
    <macromolecule_list>
      <protein_or_peptide macromolecule_id="1"><number_of_copies>4</number_of_copies>
        <molecular_weight><theoretical units="MDa">0.05</theoretical></molecular_weight>
      </protein_or_peptide>
      <ligand macromolecule_id="2"><number_of_copies>2</number_of_copies>
        <molecular_weight><theoretical units="MDa">0.001</theoretical></molecular_weight></ligand>
    </macromolecule_list></sample>
  <structure_determination_list><structure_determination structure_determination_id="1">
    <singleparticle_processing image_processing_id="1"><final_reconstruction>
      <applied_symmetry><point_group>C4</point_group></applied_symmetry>
      <resolution units="&#197;">3.4</resolution></final_reconstruction>
    </singleparticle_processing></structure_determination></structure_determination_list>
  <map format="CCP4" size_kbytes="442"><file>emd_4321.map.gz</file>
    <pixel_spacing><x units="&#197;">2.0</x><y units="&#197;">2.0</y><z units="&#197;">2.0</z>
    </pixel_spacing>
    <contour_list><contour primary="false"><level>0.9</level></contour>
      <contour primary="true"><level>0.45</level></contour></contour_list></map>
</emd>
"""


@pytest.fixture
def header(tmp_path):
    path = tmp_path / "emd-4321.xml"
    path.write_text(HEADER % "")
    return path


def found_in(path):
    return {found.option: found.value for found in bundles.all_bundles()[0].open(str(path)).found}


def test_what_belongs_to_the_map(header):
    assert found_in(header) == {
        "resolution": 3.4, "threshold": 0.45, "sampling": 2.0, "symmetry": "C4",
        "title": "EMD-4321: A channel", "mass": pytest.approx(202)}


def test_the_mass_of_the_whole_comes_before_that_of_its_parts(header):
    header.write_text(HEADER % "<molecular_weight><experimental units='MDa'>0.25</experimental>"
                      "</molecular_weight>")
    assert found_in(header)["mass"] == pytest.approx(250)


def test_numbers_fill_the_options_that_have_a_use(header, tmp_path):
    path = str(maps.write_blob(tmp_path / "ball.mrc"))
    filled = bundles.filled({"map": path, "entry_xml": str(header), "resolution": "5"})
    # Without particles nothing takes the symmetry.
    assert filled.given == {
        "map": path, "threshold": 0.45, "sampling": 2.0, "resolution": "5",
        "title": "EMD-4321: A channel", "mass": pytest.approx(202)}
    assert "threshold: 0.45 (EMD-4321, emd-4321.xml)" in filled.told
    inputs.probe(filled.given)


def test_a_real_header(test_data):
    path = test_data("map_only", "metadata_8216.xml")
    # The voxels of this map of a crystal are no cubes.
    assert found_in(path) == {
        "resolution": 1.1, "threshold": 0.2, "mass": pytest.approx(0.747),
        "title": "EMD-8216: MicroED structure of tau VQIVYK peptide at 1.1 A resolution"}


@pytest.mark.parametrize("text, words", [
    ("no XML", "is not XML"), ("<other/>", "not the header of an EMDB entry"),
    ("<emdEntry accessCode='1234'/>", "before version 3"),
    ("<emd emdb_id='EMD-1'/>", "names no file of a map")])
def test_what_is_no_header_is_refused(tmp_path, text, words):
    path = tmp_path / "header.xml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        found_in(path)
    assert words in caught.value.problems[0]


def test_withdrawn_entries_are_refused(header):
    header.write_text((HEADER % "").replace("<code>REL", "<code>OBS"))
    with pytest.raises(InputError) as caught:
        found_in(header)
    assert "withdrawn" in caught.value.problems[0]
