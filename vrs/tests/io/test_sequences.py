import pytest

from vrs.errors import InputError
from vrs.io.sequences import read_mass


@pytest.fixture
def mass(tmp_path):
    def of(text):
        path = tmp_path / "chains.fasta"
        path.write_text(text)
        return read_mass(str(path))
    return of


def test_known_masses(mass):
    # Human ubiquitin, 8564.8 Da, and hen lysozyme without its four bridges, 14313 Da; here lysines
    # and arginines have their protons.
    ubiquitin = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
    lysozyme = ("KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSA"
                "LLSSDITASVNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL")
    assert mass(">u\n" + ubiquitin + "\n") == pytest.approx(8.5648, rel=2e-3)
    assert mass("> l\n%s\n%s*\n" % (lysozyme[:60], lysozyme[60:].lower())) == pytest.approx(
        14.313, rel=2e-3)
    assert mass(">u\n%s\n\n>l\n%s\n" % (ubiquitin, lysozyme)) == pytest.approx(22.878, rel=2e-3)


def test_records_of_the_protein_data_bank_count_for_each_chain(mass):
    one = mass(">1ABC_1|Chain A|thing|\nMKV\n")
    assert mass(">1ABC_1|Chains A, B[auth D], C|thing|\nMKV\n") == pytest.approx(3 * one)


def test_nucleic_acids(mass):
    # A nucleotide in a chain has about 313 (DNA) or 330 Da (RNA).
    assert mass(">d\n" + "ACGT" * 10 + "\n") == pytest.approx(40 * 0.309, rel=0.01)
    assert mass(">r\n" + "ACGU" * 10 + "\n") == pytest.approx(40 * 0.3215, rel=0.01)


def test_unknown_residues_have_a_mean_mass(mass):
    assert mass(">x\nMXX\n") - mass(">x\nM\n") == pytest.approx(0.22, abs=1e-6)


@pytest.mark.parametrize("text", [">only a name\n", "\n\n", ">x\nMK1V?\n", ">x\nMK!V\n"])
def test_what_is_no_sequence_is_refused(mass, text):
    with pytest.raises(InputError):
        mass(text)
