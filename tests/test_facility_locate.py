"""Where keys and tables of a book stand: the same line as whoever wrote the text put them on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greencloud.facility.locate import locate

TABLES = st.lists(
    st.tuples(st.sampled_from(["site", "host", "factor"]), st.lists(st.sampled_from(["id", "zone", "pue", "watts"]), unique=True)),
    max_size=12,
)


@given(tables=TABLES, gap=st.integers(0, 3))
def test_every_key_of_every_table_is_found_on_its_line(tables: list[tuple[str, list[str]]], gap: int) -> None:
    text, count = ["name = 'North'"], dict[str, int]()
    expected: list[tuple[str, int, int, dict[str, int]]] = []
    for name, keys in tables:
        text += ["# [[no.header]]"] * gap + [f"[[{name}]]"]
        own = {key: len(text) + at for at, key in enumerate(keys, start=1)}
        expected.append((name, count.get(name, 0), len(text), own))
        count[name] = count.get(name, 0) + 1
        text += [f'{key} = "[[a]] = {{"' for key in keys]
    lines = locate("\n".join(text))

    assert lines.of("", 0, "name") == 1
    for name, index, header, own in expected:
        assert lines.keys_of(name, index) == own
        assert lines.of(name, index) == header
        assert {key: lines.of(name, index, key) for key in own} == own
        assert lines.of(name, index, "not-there") == header
    assert lines.of("nowhere") == 1
