"""A counterexample as a table, on the page of a suite and wherever behaviour is shown."""

from shipway.app.report.element import Child, Markup, code, element, table
from shipway.validation.counterexample import Counterexample, write_answer, write_value


def show_counterexample(example: Counterexample) -> Markup:
    """Return the table of a counterexample: what it is, what is changed, what the model says before and after."""
    answers: list[tuple[Child, Child]] = []
    if example.before is not None:
        answers.append(("says before", write_answer(example.before)))
    answers.append(("says" if example.before is None else "says after", element("b", write_answer(example.after))))
    if example.text_after:
        given: list[tuple[Child, Child]] = [("text", example.text_before)] if example.text_before else []
        given.append(("changed to" if example.text_before else "text", example.text_after))
    else:
        given = [("made from", example.case)]
        given += [(code(c), f"{write_value(old)} → {write_value(new)}") for c, (old, new) in example.changed.items()]
        given += [(code(c), write_value(value)) for c, value in example.others.items()]
        if example.typical:
            given.append(("every other column", "as is typical of the rows"))
    return table(("", ""), [*given, *answers], class_="tight narrow")
