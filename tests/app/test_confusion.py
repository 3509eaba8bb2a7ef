"""What is told of classes follows from the lines and the matrix."""

from shipway.app.confusion import ClassLine, Confusion, Taken


def _line(label: str, n: int, chosen: int) -> ClassLine:
    return ClassLine(label=label, n=n, chosen=chosen, mean_p=0.3, precision=None, recall=None, f1=None, auc=None,
                     gap=None)  # fmt: skip


PARCELS = Confusion(
    classes=(_line("late", 10, 12), _line("lost", 4, 0), _line("on time", 86, 88)),
    confusion=((6, 0, 4), (3, 0, 1), (3, 0, 83)),
)


def test_the_most_frequent_mistakes_come_first():
    assert PARCELS.rows == 100
    assert PARCELS.list_taken(3) == [
        Taken("late", "on time", 4, 0.4),
        Taken("lost", "late", 3, 0.75),
        Taken("on time", "late", 3, 3 / 86),
    ]
    assert len(PARCELS.list_taken(9)) == 4


def test_the_most_frequent_class_is_told():
    assert PARCELS.say_often() == "86.0% of them 'on time', the most frequent of 3 classes"
    assert Confusion(classes=(), confusion=()).say_often() == ""
