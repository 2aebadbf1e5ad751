"""Every requirement for injectors is named by a golden case or a test, or is in
rfc-corpus/not-for-inject.tsv with the reason."""

import golden
from conftest import TOP
from test_requirements import named, rows

LIST = TOP / "rfc-corpus" / "not-for-inject.tsv"


def shown():
    ids = {word for case in golden.all_cases() for word in case.words("requires")}
    for path in [*TOP.glob("inject/*_test.cc"), *TOP.glob("testlab/test_inject*.py")]:
        ids |= named(path)
    return ids


def listed():
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("\t") for line in lines)


def test_every_requirement_of_injectors_is_shown_or_listed():
    wanted = {row["id"] for row in rows() if row["role"] == "injector"}
    assert len(wanted) > 50
    assert sorted(wanted - shown() - set(listed())) == []
    assert sorted(set(listed()) & shown()) == []
    assert sorted(set(listed()) - wanted) == []
    assert all(listed().values())


def test_golden_cases_name_requirements_of_the_table():
    ids = {row["id"] for row in rows()}
    for case in golden.all_cases():
        assert set(case.words("requires")) <= ids, case.id
