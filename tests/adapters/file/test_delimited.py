import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.file.delimited import Header, check_csv, check_json_lines, check_utf8

FIELD = st.text(st.sampled_from('ab ,"\né;'), max_size=4)


def write(rows, line_end):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue().removesuffix(line_end).encode()


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1)),
       st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_what_the_standard_library_writes_is_whole(rows, line_end):
    header = [f"{place}{name}" for place, name in enumerate(rows[0])]
    found = check_csv(write([header, *rows[1:]], line_end))
    assert found.records == len(rows) - 1
    assert len(found.columns) == len(header)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=8))
def test_the_first_ragged_line_is_named(widths):
    data = "\n".join(",".join(f"{line}{place}" for place in range(width)) for line, width in enumerate(widths)).encode()
    wrong = [line for line, width in enumerate(widths, start=1) if width != widths[0]]
    if not wrong:
        found = check_csv(data)
        assert found == Header(tuple(f"0{place}" for place in range(widths[0])), len(widths) - 1, found.ends)
        assert found.ends[-1] == len(data)
        return
    with pytest.raises(
        ValueError, match=f"^line {wrong[0]}(, the last,)? has {widths[wrong[0] - 1]} of the {widths[0]} "
    ):
        check_csv(data)


def test_lines_inside_quotes_count_when_a_line_is_named():
    with pytest.raises(ValueError, match="line 4 has 1"):
        check_csv(b'a,b\n"1\n1",2\n3\n4,5')


def test_a_header_beyond_the_limit_of_the_parser_is_refused():
    with pytest.raises(ValueError, match="names no columns"):
        check_csv(b"a" * (csv.field_size_limit() + 1))


@given(st.lists(st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=5), max_size=3)))
def test_json_objects_are_counted_line_by_line(objects):
    data = "\n\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
    assert check_json_lines(data) == len(objects)


@pytest.mark.parametrize("line", [b'{"a": 1', b"[1]", b"1", b"nope", b'{"a": 1} {"b": 2}'])
def test_a_line_that_is_no_object_is_named(line):
    with pytest.raises(ValueError, match="line 3 is not a whole JSON object"):
        check_json_lines(b'{"a": 1}\n\n' + line + b"\n")


def test_bytes_that_are_no_text_are_named_with_their_line():
    check_utf8("事\n𝄞".encode())
    with pytest.raises(ValueError, match="line 3 holds byte 0xff"):
        check_utf8(b"a\nb\nc\xff\n")
