"""Reading tables of cross-links."""

import json

import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.crosslinks import read_crosslinks

PLAIN = "chain1,residue1,chain2,residue2\nA,24,B,32\n"


@pytest.fixture
def table(tmp_path):
    """Write a table and return its path."""
    def write(text, name="links.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return str(path)
    return write


def ends(links):
    """(name, number) of both ends of each link."""
    return [tuple(zip(*pair)) for pair in zip(links.names.tolist(), links.numbers.tolist())]


def problems_of(path, **arguments):
    with pytest.raises(InputError) as caught:
        read_crosslinks(path, **arguments)
    assert all(problem.endswith(".") for problem in caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize("text", [
    PLAIN, PLAIN.replace(",", ";"), PLAIN.replace(",", "\t"), PLAIN.replace("\n", "\r\n"),
    "# chaînes\n\n" + PLAIN + ",,,\n# the end\n",
    "Chain 1, Residue 1, Chain 2, Residue 2\n A , K24 , B , 32.0 \n",
    "Protein_A;Site_A;Protein_B;Site_B\nA;24;B;LYS 32\n",
    "prot1,res1,prot2,res2\nA,24,B,32\n",
    "Protein1,AbsPos1,Protein2,AbsPos2,score\nA,24,B,32,5.5\n",
    "Index Model Atom1 Atom2 SASD Euclidean Distance\n1 m.pdb LYS-24-A-CA SER-32-B-CA 10.8 9.9\n",
    "24|A|32|B|\n", "24 | A | 32 | B\n"])
def test_one_link_in_many_forms(table, text):
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        links = read_crosslinks(table(text, encoding=encoding))
        assert ends(links) == [(("A", 24), ("B", 32))]
        assert links.linkers == ("",) and np.isnan(links.limits).all() and not links.notes
        assert not len(links.mono_names) and not links.chains


def test_what_a_plain_table_may_tell(table):
    links = read_crosslinks(table(
        "chain1;residue1;chain2;residue2;linker;limit (Å);spectra;score\n"
        "A;24;A;32;BS3;31,5;7;2.5\nA;-3;B;7;;;;\nA;9;;12;DSS;30;;\n"))
    assert ends(links) == [(("A", 24), ("A", 32)), (("A", -3), ("B", 7)), (("A", 9), ("A", 12))]
    assert links.linkers == ("BS3", "", "DSS")
    np.testing.assert_array_equal(links.limits, [31.5, np.nan, 30])
    np.testing.assert_array_equal(links.observations, [7, 1, 1])
    np.testing.assert_array_equal(links.scores, [2.5, np.nan, np.nan])


def test_each_link_counts_once(table):
    links = read_crosslinks(table(
        "chain1,residue1,chain2,residue2,score,nseen,linker\nA,24,B,32,1,2,DSS\n"
        "B,32,A,24,3,1,DSS\nA,24,B,32,2,,EDC\nA,5,,,,,\nA,5,,,,,\n"))
    assert ends(links) == [(("A", 24), ("B", 32))] * 2 and links.linkers == ("DSS", "EDC")
    np.testing.assert_array_equal(links.observations, [3, 1])
    np.testing.assert_array_equal(links.scores, [3, 2])
    assert links.notes == ("3 lines hold 2 different cross-links.",
                           "2 lines hold 1 different mono-links.")


def test_tables_of_xifdr(table):
    links = read_crosslinks(table(
        "LinkID,PSMIDs,Protein1,Description1,Decoy1,Protein2,Description2,Decoy2,fromSite,ToSite,"
        "Score,isDecoy,Crosslinker\n1,3;4,P1,x,false,P2,y,false,24,32,11.5,false,BS3\n"
        "2,5,P1,x,true,P2,y,false,25,33,9,true,BS3\n3,6,P1;P3,x,false,P2,y,false,24;29,32,8,false,"
        "BS3\n"))
    assert ends(links) == [(("P1", 24), ("P2", 32))] and links.linkers == ("BS3",)
    assert links.scores == 11.5
    assert links.notes == (
        "1 line of decoys was left out.",
        "1 line with several proteins or residues at an end was left out.")


def test_places_in_peptides_are_not_those_in_proteins(table):
    """LinkPos of xiNET and of matches of xiFDR counts from the peptide, where that is given."""
    peptides = "Protein1,PepPos1,PepSeq1,LinkPos1,Protein2,PepPos2,PepSeq2,LinkPos2%s\n" \
               "P1,20,AAAAKR,5,P2,30,AAKR,3%s\n"
    wanted = [(("P1", 24), ("P2", 32))]
    assert ends(read_crosslinks(table(peptides % ("", "")))) == wanted
    assert ends(read_crosslinks(table(
        peptides % (",ProteinLinkPos1,ProteinLinkPos2", ",24,32")))) == wanted
    assert ends(read_crosslinks(table("Protein1,LinkPos1,Protein2,LinkPos2\nP1,24,P2,32\n"))
                ) == wanted


def test_tables_of_xquest(table):
    links = read_crosslinks(table(
        "Id,Protein1,Protein2,XLType,AbsPos1,AbsPos2,N_seen,ld-Score\n"
        "a,Rvb1,Rvb2,inter-protein xl,31,60,4,39.07\nb,Rvb1,-,monolink,42,n/a,2,30\n"
        "c,Rvb1,-,intralink,47,n/a,1,30\nd,decoy_reverse_Rvb1,Rvb2,inter-protein xl,1,2,1,30\n"))
    assert ends(links) == [(("Rvb1", 31), ("Rvb2", 60))] and links.observations == 4
    assert (links.mono_names.tolist(), links.mono_numbers.tolist()) == (["Rvb1"], [42])
    assert len(links.notes) == 2 and "do not give the second residue" in links.notes[0]


def test_lists_of_jwalk_hold_mono_links(table):
    links = read_crosslinks(table("24|A|32|A|\n107|A\n14||15||\n"))
    assert ends(links) == [(("A", 24), ("A", 32)), (("", 14), ("", 15))]
    assert links.mono_numbers.tolist() == [107]


def test_chains_of_proteins(table):
    path = table(PLAIN.replace("A,24,B", "Rvb1,24,Rvb2"))
    assert read_crosslinks(path).chains == {}
    assert read_crosslinks(path, {"Rvb1": "A", "Rvb2": ["B", "D"]}).chains == {
        "Rvb1": ("A",), "Rvb2": ("B", "D")}
    project = {"subunits": [{"name": "one", "chainIds": ["A"]},
                            {"name": "Rvb2", "chainIds": ["B"]}],
               "data": [{"mapping": {"Rvb1": ["one"], "Act": []}}]}
    other = table(json.dumps(project), "project.json")
    expected = {"Rvb1": ("A",), "one": ("A",), "Rvb2": ("B",)}
    assert read_crosslinks(path, other).chains == expected
    table(json.dumps(project), "links.json", "utf-8-sig")
    assert read_crosslinks(path).chains == expected


@pytest.mark.parametrize("text", ["{", "[1]", "{\"A\": 1}", "{\"A\": [1]}", "{\"subunits\": [1]}",
                                  "{\"subunits\": [], \"data\": [1]}"])
def test_chains_that_are_none(table, text):
    path = table(PLAIN)
    other = table(text, "chains.json")
    (problem,) = problems_of(path, chains=other)
    assert other in problem


def test_tables_of_several_structures(table):
    path = table("pdb,chain1,residue1,chain2,residue2\n1abc,A,1,A,2\n2xyz,A,3,A,4\n")
    assert ends(read_crosslinks(path, entry="2XYZ")) == [(("A", 3), ("A", 4))]
    (problem,) = problems_of(path)
    assert "2 structures (1abc, 2xyz)" in problem
    (problem,) = problems_of(path, entry="3xxx")
    assert "holds no cross-links" in problem


def test_all_problems_at_once(table):
    path = table("# a comment\nchain1,residue1,chain2,residue2,limit\nA,x,B,32,\n\nA,24,B,32,-1\n"
                 ",24,B,,\nA,24,B,3a2,long\nA,24\nA,24,B,32,\n")
    problems = problems_of(path, chains=table("no", "chains.json"))
    assert len(problems) == 6
    for line, word in ((3, "residue x"), (5, "limit -1"), (6, "first chain"), (7, "3a2"),
                       (7, "limit long")):
        assert any("Line %d of %s" % (line, path) in problem and word in problem
                   for problem in problems)


def test_many_problems_are_counted(table):
    problems = problems_of(table("chain1,residue1,chain2,residue2\n" + "A,x,B,1\n" * 50))
    assert len(problems) == 21 and "30 more lines" in problems[-1]


@pytest.mark.parametrize("content, part", [
    (b"", "holds no cross-links"), (b"# nothing\n", "holds no cross-links"),
    (b"chain1,residue1,chain2,residue2\n", "holds no cross-links"),
    (b"a,b\n1,2\n", "It has: a, b"), (b"chain1,chain2\nA,B\n", "no columns"),
    (b"1|A|2|B\n1|A|2\n", "Line 2"), (b"24|A|x|B\n", "Line 1"),
    (b"chain1,residue1,chain2,residue2\nA,1,B,10000000000000000000000\n", "not a residue number"),
    (b"Index Model Atom1 Atom2\n1 m LYS-1-A-CA\n", "Line 2"),
    (b"PK\3\4....", "workbook"), (b"MAP \0\0\1", "not a text"),
    (b"chain1,residue1,chain2,residue2\nA,1,\"B" + b"x" * 200000 + b"\",2\n", "not a table")])
def test_what_is_no_table(table, content, part):
    path = table(content)
    (problem,) = problems_of(path)
    assert part in problem and path in problem


def test_missing_files_and_folders(tmp_path):
    (problem,) = problems_of(str(tmp_path / "none.csv"))
    assert "does not exist" in problem
    (problem,) = problems_of(str(tmp_path))
    assert "cannot be read" in problem


@pytest.mark.parametrize("place, lines, links, names", [
    (("crosslinks", "jwalk", "xls.txt"), 9, 9, {"A"}),
    (("crosslinks", "jwalk", "native_crosslink_list.txt"), 1623, 1623, {"A"}),
    (("crosslinks", "PolIII_Wu2012.csv"), 407, 386, None),
    (("map_model", "emd_1883_polii", "polii_xlinks.csv"), 157, 156, None),
    (("map_model", "emd_1883_polii", "polii_juri.csv"), 108, 108, None)])
def test_published_tables(test_data, place, lines, links, names):
    found = read_crosslinks(test_data(*place))
    assert len(found.names) == links
    assert names is None or set(found.names.ravel()) == names
    assert found.notes == (() if lines == links else (
        "%d lines hold %d different cross-links." % (lines, links),))


def test_published_columns_are_understood(test_data):
    polii = read_crosslinks(test_data("map_model", "emd_1883_polii", "polii_xlinks.csv"))
    assert ends(polii)[0] == (("Rpb1", 880), ("Rpb1", 620))
    assert polii.observations[:3].tolist() == [9, 18, 14] and polii.scores[0] == 9.37
    poliii = read_crosslinks(test_data("crosslinks", "PolIII_Wu2012.csv"),
                             test_data("crosslinks", "PolIII_chains.json"))
    assert ends(poliii)[0] == (("C128", 212), ("C160", 1127))
    assert poliii.chains["C128"] == ("B",) and set(poliii.names.ravel()) <= set(poliii.chains)
    xldb = read_crosslinks(test_data("crosslinks", "XLdb_4f5s_1blf_1ao6_4fgf.csv"), entry="1ao6")
    assert len(xldb.names) == 12 and xldb.linkers[0] == "DSS,DSG,BS3"
    assert len(read_crosslinks(test_data("crosslinks", "jwalk", "mls.txt")).mono_names) == 36
