import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shipway.core.ledger import EMPTY, GENESIS, Damage, Draft, Entry, Head, find_damage, seal

DRAFTS = st.lists(
    st.builds(
        Draft, actor=st.text(max_size=5), kind=st.text(max_size=5), subject=st.text(max_size=5), body=st.binary()
    ),
    min_size=1,
    max_size=8,
)


def chain(drafts, *, start=1, prev=GENESIS):
    entries = []
    for seq, draft in enumerate(drafts, start):
        entries.append(seal(draft, seq=seq, at=1_000 * seq, prev=prev))
        prev = entries[-1].digest
    return entries


def head(entries):
    return Head(seq=entries[-1].seq, digest=entries[-1].digest)


def places(damage):
    return [each.seq for each in damage]


@given(DRAFTS)
def test_chain_is_whole_against_every_anchor_it_ever_had(drafts):
    entries = chain(drafts)
    for anchor in (None, EMPTY, *(head(entries[:length]) for length in range(1, len(entries) + 1))):
        assert find_damage(iter(entries), anchor) == []


def test_empty_chain_is_whole_unless_the_anchor_remembers_more():
    assert find_damage([], None) == []
    assert find_damage([], EMPTY) == []
    (damage,) = find_damage([], Head(seq=3, digest="d"))
    assert damage == Damage(seq=3, fact="the anchor remembers entry 3, the chain ends before it")


@given(DRAFTS, st.data())
def test_any_changed_field_shows_at_its_entry(drafts, data):
    entries = chain(drafts)
    index = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["at", "actor", "kind", "subject", "body", "prev", "digest"]))
    old = getattr(entries[index], field)
    new = data.draw({int: st.integers(0, 2**40), str: st.text(max_size=70), bytes: st.binary()}[type(old)])
    assume(new != old)
    entries[index] = msgspec.structs.replace(entries[index], **{field: new})
    assert entries[index].seq in places(find_damage(entries, None))


@given(DRAFTS, st.data())
def test_a_deleted_entry_shows(drafts, data):
    entries = chain(drafts)
    anchor = head(entries)
    gone = entries.pop(data.draw(st.integers(0, len(entries) - 1)))
    damage = find_damage(entries, anchor)
    assert gone.seq in places(damage)
    assert damage[0].seq == gone.seq


@given(DRAFTS, st.data())
def test_a_swapped_pair_shows(drafts, data):
    entries = chain(drafts)
    first, second = sorted(data.draw(st.sets(st.integers(0, len(entries)), min_size=2, max_size=2)))
    assume(second < len(entries))
    entries[first], entries[second] = entries[second], entries[first]
    assert find_damage(entries, None)[0].seq == first + 1


@given(DRAFTS, st.data())
def test_a_lost_tail_shows_against_the_anchor_only(drafts, data):
    entries = chain(drafts)
    kept = entries[: data.draw(st.integers(0, len(entries) - 1))]
    assert find_damage(kept, None) == []
    assert places(find_damage(kept, head(entries))) == [len(entries)]


@given(DRAFTS, st.data())
def test_a_rewritten_history_shows_against_the_anchor_only(drafts, data):
    entries = chain(drafts)
    start = data.draw(st.integers(0, len(entries) - 1))
    forged = [msgspec.structs.replace(drafts[start], actor=drafts[start].actor + "!"), *drafts[start + 1 :]]
    prev = entries[start - 1].digest if start else GENESIS
    rewritten = entries[:start] + chain(forged, start=start + 1, prev=prev)
    assert find_damage(rewritten, None) == []
    (damage,) = find_damage(rewritten, head(entries))
    assert damage.seq == len(entries)
    assert "rewritten" in damage.fact


@given(DRAFTS)
def test_digest_covers_every_field(drafts):
    (entry,) = chain(drafts[:1])
    draft = drafts[0]
    other = [
        seal(draft, seq=2, at=1_000, prev=GENESIS),
        seal(draft, seq=1, at=1_001, prev=GENESIS),
        seal(draft, seq=1, at=1_000, prev="1" * 64),
        *(
            seal(msgspec.structs.replace(draft, **{name: getattr(draft, name) + more}), seq=1, at=1_000, prev=GENESIS)
            for name, more in (("actor", "x"), ("kind", "x"), ("subject", "x"), ("body", b"x"))
        ),
    ]
    assert len({entry.digest, *(each.digest for each in other)}) == 8


@pytest.mark.parametrize(("one", "other"), [(("ab", "c"), ("a", "bc")), (("", "x"), ("x", ""))])
def test_digest_keeps_neighbouring_fields_apart(one, other):
    seals = [seal(Draft(actor=a, kind=k, subject="", body=b""), seq=1, at=0, prev=GENESIS) for a, k in (one, other)]
    assert seals[0].digest != seals[1].digest


@given(DRAFTS)
def test_entry_reads_back_from_json(drafts):
    (entry,) = chain(drafts[:1])
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
