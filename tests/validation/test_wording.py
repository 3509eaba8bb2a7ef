import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway import behaviours as b
from shipway.validation.wording import change_text, fill_templates

WORDS = {"feel": ("love", "like", "hate"), "thing": ("seat", "crew"), "name": ("Ann", "Bob", "Cy")}


def changed(text, *changes):
    return change_text(text, changes, WORDS, "seed").after


def test_templates_are_filled_with_every_word_the_plainest_first():
    found = fill_templates(["I {feel} this {thing}"], WORDS, 100, 0)
    assert len(found) == 6
    assert found[:2] == ["I love this seat", "I love this crew"]


def test_places_of_one_lexicon_are_one_word_unless_digits_tell_them_apart():
    assert fill_templates(["{name} and {name}"], WORDS, 9, 0)[0] == "Ann and Ann"
    assert len(fill_templates(["{name1} and {name2}"], WORDS, 99, 0)) == 9


@given(st.integers(1, 8), st.integers(0, 99))
def test_a_draw_is_as_large_as_asked_without_repeats_and_comes_again(most, seed):
    templates = ["I {feel} this {thing}", "{name1} saw {name2}"]
    found = fill_templates(templates, WORDS, most, seed)
    assert len(found) == len(set(found)) == most
    assert found == fill_templates(templates, WORDS, most, seed)
    if most > 1:
        assert any("saw" in text for text in found)


@pytest.mark.parametrize(
    ("text", "change", "after"),
    [
        ("I Am here", b.case("lower"), "i am here"),
        ("so good", b.case("upper"), "SO GOOD"),
        ("so good", b.case("title"), "So Good"),
        ("i don't (like IT)", b.case("title"), "I Don't (Like It)"),
        ("Well, it is fine!", b.punctuation(), "Well it is fine"),
        ("it is fine.", b.punctuation("!"), "it is fine!"),
        ("It is not bad.", b.contraction("short"), "It isn't bad."),
        ("We cannot go, I do not go", b.contraction("short"), "We can't go, I don't go"),
        ("It isn't bad, I'm sure", b.contraction("long"), "It is not bad, I am sure"),
        ("fine", b.sentence("Bye."), "fine Bye."),
        ("fine", b.sentence("Hi.", at="start"), "Hi. fine"),
        ("a good, good day", b.replace({"good": "very good"}), "a very good, very good day"),
        ("Good day", b.replace({"good": "bad"}), "Bad day"),
        ("nothing here", b.exchange("name"), "nothing here"),
        ("a is of", b.typo(3), "a is of"),
    ],
)
def test_a_change_does_what_it_says(text, change, after):
    assert changed(text, change) == after


@given(st.sampled_from(["Ann met Bob.", "Cy, Ann and Ann"]))
def test_a_name_becomes_another_everywhere(text):
    found = changed(text, b.exchange("name"))
    for old, new in zip(text.split(), found.split(), strict=True):
        if old.strip(".,") in WORDS["name"]:
            assert new.strip(".,") in set(WORDS["name"]) - {old.strip(".,")}
            assert new[-1] == old[-1] or new[-1].isalpha()
        else:
            assert new == old
    assert len({new.strip(".,") for old, new in zip(text.split(), found.split(), strict=True) if "Ann" in old}) == 1


@given(st.text("abcdefgh ", min_size=1, max_size=60), st.integers(1, 3))
def test_a_typo_moves_letters_and_loses_none(text, count):
    found = changed(text, b.typo(count))
    words = text.split()
    assert len(found.split()) == len(words)
    moved = [(old, new) for old, new in zip(words, found.split(), strict=True) if old != new]
    assert len(moved) <= count
    for old, new in moved:
        assert sorted(old) == sorted(new)
        assert (old[0], old[-1]) == (new[0], new[-1])


def test_edits_can_be_taken_back_and_words_left_out():
    found = change_text("we love this seat", [b.typo(2)], WORDS, "s")
    assert len(found.edits) == 2
    one = found.without_edit(0)
    assert len(one.edits) == 1
    assert one.before == "we love this seat"
    free = one.free
    assert one.without_word(free[0]).before == " ".join(
        word for at, word in enumerate(one.words) if word and at != free[0]
    )


def test_changes_follow_one_another():
    assert changed("it is not bad", b.contraction("short"), b.case("upper")) == "IT ISN'T BAD"


def test_more_fillings_than_a_machine_can_count_are_drawn_from():
    words = {"w": tuple(f"w{number}" for number in range(100))}
    template = " ".join(f"{{w{number}}}" for number in range(12))
    found = fill_templates([template], words, 20, 1)
    assert len(set(found)) == 20
    assert found == fill_templates([template], words, 20, 1)
