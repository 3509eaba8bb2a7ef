"""The section on classes: each of them, the most frequent mistakes in words, and the matrix."""

from shipway.app.confusion import ClassLine, Confusion
from shipway.app.report.confusion import show_confusion


def _line(label, n, chosen, **figures):
    none = dict.fromkeys(("precision", "recall", "f1", "auc", "gap"))
    return ClassLine(label=label, n=n, chosen=chosen, mean_p=0.3, **{**none, **figures})


def _make(names=("late", "lost<b>", "on time")):
    late = _line(names[0], 10, 9, recall=(0.6, 0.4, 0.8), gap=(-0.1, -0.12, -0.08))
    rest = [_line(name, 0 if place else 90, 91 if place == 0 else 0) for place, name in enumerate(names[1:])]
    k = len(names)
    confusion = [[0] * k for _ in range(k)]
    confusion[0][:2], confusion[1][:2] = [6, 4], [3, 87]
    return Confusion(classes=(late, *rest), confusion=tuple(map(tuple, confusion)))


def test_every_class_has_its_figures_with_their_intervals(read):
    shown = read(show_confusion(_make()))
    (late, lost, _) = shown.rows("Class", "Rows", "Chosen")
    assert late[0] == "late"
    assert "10.0%" in late[1]
    assert late[4].startswith("0.600")
    assert "0.400 to 0.800" in late[4]
    assert "−0.100" in late[7]
    assert lost[0] == "lost<b>"
    assert (lost[3], lost[4]) == ("", "")
    assert "<b>lost<b>" not in shown.text


def test_mistakes_are_told_and_the_matrix_shows_them(read):
    shown = read(show_confusion(_make()))
    assert "4 rows of 'late' were taken for 'lost<b>': 40.0% of that class." in shown.said
    assert "ranked above one that is not" in shown.said
    (late, lost, _) = shown.rows("Was, and below what was chosen")
    assert [cell[:1] for cell in late[1:]] == ["6", "4", "0"]
    assert lost[2].startswith("87")
    assert ("style", "--share:0.400") in shown.attributes
    assert {value for name, value in shown.attributes if name == "class" and "wrong" in value} == {"num wrong"}
    assert "details" not in shown.tags


def test_one_row_is_one_row(read):
    lines = (_line("late", 4, 3), _line("on time", 0, 1))
    shown = read(show_confusion(Confusion(classes=lines, confusion=((3, 1), (0, 0)))))
    assert "1 row of 'late' was taken for 'on time': 25.0% of that class." in shown.said


def test_a_wide_matrix_is_shown_when_the_reader_asks(read):
    shown = read(show_confusion(_make(tuple(f"c{at:02}" for at in range(14)))))
    assert "details" in shown.tags
    assert "All 14 classes by each other" in shown.said


def test_without_mistakes_or_rows_there_is_nothing_to_tell(read):
    (line,) = (_line("late", 5, 5),)
    assert "No class was taken for another." in read(show_confusion(Confusion(classes=(line,), confusion=((5,),)))).said
    assert show_confusion(None) is None
    assert show_confusion(Confusion(classes=(), confusion=())) is None
