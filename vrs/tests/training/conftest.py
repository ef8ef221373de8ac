import pytest

from vrs.tests import proteins


@pytest.fixture(scope="session")
def protein():
    """The idealised protein and the secondary structure of one of its two chains."""
    return proteins.protein(3, 20.0, 0.0)


@pytest.fixture(scope="session")
def bank(tmp_path_factory, protein):
    """That protein as training, validation and test structure; needs torch."""
    from training import simulation, structures

    folder = tmp_path_factory.mktemp("bank")
    (folder / "one.pdb").write_text(protein[0].make_pdb_string())
    structures.write_bank(folder / "bank.npz", structures.files(folder),
                          {part: ["one"] for part in ("train", "validation", "test")})
    return simulation.Bank(folder / "bank.npz")
