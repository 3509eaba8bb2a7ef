"""The words for experiments: `layer` and `experiment`."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from shipway.core.argument import (
    take,
    take_each,
    take_event,
    take_expression,
    take_identifier,
    write,
)
from shipway.core.assignment import VERSIONS, check_assignment, take_cluster, take_exposed, take_switchback
from shipway.core.check import Check, Rule, finite, natural_rule
from shipway.core.design import group_sequential, take_design
from shipway.core.effect import Effect
from shipway.core.effect_check import EXAMPLE, check_rare
from shipway.core.error import ShipwayError
from shipway.core.experiment import EVERYONE, HELD_OUT, PLACES, Answers, Design, Experiment, Layer, Switchback
from shipway.core.feature import ALWAYS, Entity, Event, Expr, streams_of
from shipway.core.registry import current_registry
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, render, walk

_MOST_SLICES: Final = 8


def layer(name: str, *, unit: Entity, holdout: float = 0.0) -> Layer:
    """Declare a layer: experiments of one layer share its places, so that no unit is in two of them.

    Args:
        name: the layer's name.
        unit: what is assigned as a whole, such as `sw.entity("customer")`.
        holdout: the share of units that no experiment of the layer ever touches.

    Raises:
        ShipwayError: SW-105 for a name that is taken, SW-106 for a unit that is none or a share that leaves nothing.
    """
    name = take_identifier(name)
    held = _share(f"`holdout` of layer {name!r}", holdout, none=True)
    places = round(held * PLACES)
    if held and not places:
        fact = f"layer {name!r} holds out {held:g} of its units, which is none of {PLACES:,} places"
        raise ShipwayError("SW-106", fact, f"write {1 / PLACES:g} or more, or 0 for none")
    if places >= PLACES:
        raise ShipwayError("SW-106", f"layer {name!r} holds out everyone", "write a share below 1, such as 0.05")
    return current_registry().add(Layer(name, _unit(f"layer {name!r}", unit), held))


def experiment(
    name: str,
    *,
    unit: Entity,
    exposed: Event | Answers,
    variants: Mapping[str, float] | Sequence[str] = (),
    metrics: Sequence[Rule | Check],
    guardrails: Sequence[Rule | Check] = (),
    design: Design | None = None,
    layer: Layer | None = None,
    share: float = 1.0,
    where: Expr | None = None,
    variant: Column | None = None,
    slices: Sequence[Column] = (),
    strata: Column | None = None,
    holdout: Layer | None = None,
    history: Event | None = None,
    cluster: Entity | None = None,
    switchback: Switchback | None = None,
    doc: str = "",
) -> Experiment:
    """Declare an experiment: its variants, who meets which, and what a decision between them rests on.

    Args:
        name: the experiment's name.
        unit: what is assigned as a whole: every unit meets one variant, always the same, and counts once.
        exposed: the stream that says when a unit met what the experiment is about; its first event since the start
            counts. The keys of the unit are columns of it. Or `sw.answers(service)`: who met which version is what the
            service's log says.
        variants: names, or names with weights; the first is the control. Between the versions of a service `stable` and
            `candidate`, half each where they are not given.
        metrics: what the variants are for, such as `sw.effect(...) > 0`: at least one must be shown better and none
            worse.
        guardrails: what must not suffer, with the margin that may be lost, such as `sw.effect(...) >= -0.02`.
        design: how often one may look; O'Brien-Fleming spending with an alpha of 0.05 if None.
        layer: the layer whose places it shares.
        share: of the layer's units, how many meet it.
        where: a condition on the exposures that count: those on which the variants really differ (triggered analysis).
        variant: the column of the exposures that says which variant a unit met; without it the assignment counts.
        slices: columns of the exposures by which effects are looked at as well; they decide nothing.
        strata: the column of the exposures whose groups are taken out of means and ratios, as covariates are
            (post-stratification).
        holdout: in place of variants, a layer: those it holds out are compared with everyone else, so that what all its
            launches together brought is measured; nobody is assigned.
        history: the stream that plays the exposures' part in planning, where the exposures have no past of their own.
        cluster: what is assigned as a whole where that is more than one unit, such as `sw.entity("city")`; its keys are
            columns of the exposures, and errors are those of clusters.
        switchback: how time is split, `sw.switchback(every="30m")`: each slot of a unit is then what is assigned.
        doc: what it is about.

    Raises:
        ShipwayError: SW-105 for a name that is taken, SW-106 for what cannot be an experiment.
    """
    name = take_identifier(name)
    whose = f"of experiment {name!r}"
    unit = _unit(f"experiment {name!r}", unit)
    exposed = take_exposed(exposed, f"`exposed` {whose}")
    group = take_cluster(cluster, unit, f"`cluster` {whose}")
    if holdout is not None:
        if layer is not None:
            raise ShipwayError("SW-106", f"experiment {name!r} has both layer= and holdout=", "drop layer=")
        layer, variants = _holdout(whose, holdout, variants)
    if layer is not None:
        layer = _layer(whose, layer, unit if group is None else group)
    past = None if history is None else take_event(history, f"`history` {whose}")
    for stream in (exposed, past):
        if isinstance(stream, Event):
            _require_keys(stream, whose, unit)
            if group is not None:
                _require_keys(stream, whose, group)
    versions = isinstance(exposed, Answers) and not variants
    noun = Experiment(
        name=name,
        unit=unit,
        exposed=exposed,
        variants=_variants(name, VERSIONS if versions else variants),
        metrics=_rules(f"the metrics {whose}", metrics),
        guardrails=_rules(f"the guardrails {whose}", guardrails),
        design=group_sequential() if design is None else take_design(whose, design),
        layer=layer,
        share=_share(f"`share` {whose}", share),
        where=None if where is None else _on(_stream(exposed, whose), f"`where` {whose}", where),
        variant="" if variant is None else _column(_stream(exposed, whose), f"`variant` {whose}", variant),
        slices=tuple(
            _column(_stream(exposed, whose), f"a slice {whose}", each)
            for each in take_each(slices, Column, f"the slices {whose}", "name columns of the exposures")
        ),
        strata="" if strata is None else _column(_stream(exposed, whose), f"`strata` {whose}", strata),
        against_holdout=holdout is not None,
        history=past,
        cluster=group,
        switchback=take_switchback(switchback, f"`switchback` {whose}"),
        doc=doc,
    )
    _check_rules(noun)
    check_assignment(noun)
    return current_registry().add(noun)


def _unit(whose: str, unit: object) -> Entity:
    if not isinstance(unit, Entity):
        raise ShipwayError("SW-106", f"the unit of {whose} is {write(unit)}", 'name an entity, sw.entity("customer")')
    if not unit.keys:
        raise ShipwayError("SW-106", f"the unit of {whose} is the whole system", "name what can be split")
    return unit


def _require_keys(stream: Event, whose: str, entity: Entity) -> None:
    for key in entity.keys:
        if key not in stream.source.columns:
            fact = f"stream {stream.name} {whose} does not tell which {entity.name}: it has no {key!r}"
            raise ShipwayError("SW-106", fact, did_you_mean(key, stream.source.columns))


def _stream(exposed: Event | Answers, whose: str) -> Event:
    """Return a stream whose columns may be read; SW-106 for the answers of a service, which have none of the user's."""
    if isinstance(exposed, Event):
        return exposed
    hint = (
        "drop where=, variant=, slices=, strata=; sw.answers(..., differ=) keeps requests on which the versions differ"
    )
    raise ShipwayError("SW-106", f"the {exposed.name} {whose} have no columns to be read", hint)


def _layer(whose: str, layer: object, unit: Entity) -> Layer:
    if not isinstance(layer, Layer):
        hint = 'declare it first: pricing = sw.layer("pricing", unit=customer)'
        raise ShipwayError("SW-106", f"`layer` {whose} is {write(layer)}, which is no layer", hint)
    if layer.unit != unit:
        fact = f"`layer` {whose} splits by {layer.unit.name}, and the experiment by {unit.name}"
        raise ShipwayError("SW-106", fact, "experiments of one layer have its unit")
    return layer


def _holdout(whose: str, holdout: object, variants: object) -> tuple[Layer, Mapping[str, float]]:
    """Return the layer whose holdout is compared, and both variants with the shares that it has."""
    if not isinstance(holdout, Layer):
        hint = 'name a layer: sw.layer("checkout", unit=customer, holdout=0.05)'
        raise ShipwayError("SW-106", f"`holdout` {whose} is {write(holdout)}, which is no layer", hint)
    if not holdout.holdout:
        raise ShipwayError("SW-106", f"layer {holdout.name!r} {whose} holds nobody out", "give the layer holdout=0.05")
    if variants:
        hint = f"drop variants=: they are {HELD_OUT} and {EVERYONE}"
        raise ShipwayError("SW-106", f"`variants` {whose} are given, and a holdout has its own", hint)
    # Whole places are held out, and the test of the split is of what they are.
    held = round(holdout.holdout * PLACES) / PLACES
    return holdout, {HELD_OUT: held, EVERYONE: 1 - held}


def _variants(name: str, variants: object) -> dict[str, float]:
    """Return the variants with their weights; SW-106 for fewer than two."""
    pairs = cast("Mapping[object, object]", variants) if isinstance(variants, Mapping) else _even(name, variants)
    checked = {
        take_identifier(each): finite(f"the weight of variant {each!r}", weight) for each, weight in pairs.items()
    }
    if len(checked) < 2:
        fact = f"experiment {name!r} has {len(checked)} variants"
        raise ShipwayError("SW-106", fact, "give it two or more, the control first: variants={'control': 1, 'new': 1}")
    for each, weight in checked.items():
        if weight <= 0:
            raise ShipwayError("SW-106", f"variant {each!r} of {name!r} has weight {weight:g}", "write one above 0")
    return checked


def _even(name: str, variants: object) -> Mapping[object, object]:
    if isinstance(variants, list | tuple):
        return dict.fromkeys(cast("Sequence[object]", variants), 1)
    hint = "write variants={'control': 1, 'new': 1}"
    raise ShipwayError("SW-106", f"the variants of experiment {name!r} are {write(variants)}", hint)


def _rules(where: str, given: object) -> tuple[Rule, ...]:
    if not isinstance(given, list | tuple):
        raise ShipwayError("SW-106", f"{where} are {write(given)}, not a list", f"list effects, {EXAMPLE}")
    rules: list[Rule] = []
    for each in cast("Sequence[object]", given):
        rule = natural_rule(each) if isinstance(each, Check) else each
        if not isinstance(rule, Rule) or not isinstance(rule.check.measure, Effect):
            said = str(rule) if isinstance(rule, Rule) else write(each)
            raise ShipwayError("SW-106", f"one of {where} is {said}, which is no effect", f"write {EXAMPLE}")
        rules.append(rule)
    return tuple(rules)


def _check_rules(noun: Experiment) -> None:
    """Refuse an experiment that decides on nothing, or finds two metrics under one name."""
    if not noun.metrics:
        raise ShipwayError("SW-106", f"experiment {noun.name!r} has no metrics", f"say what it is for, {EXAMPLE}")
    for place, rule in enumerate(noun.rules):
        check_rare(rule, "metric" if place < len(noun.metrics) else "guardrail")
    names = [rule.check.name for rule in noun.rules]
    for place, each in enumerate(names):
        if each in names[:place]:
            raise ShipwayError("SW-105", f"experiment {noun.name!r} has two effects called {each!r}", "rename one")
    if len(noun.slices) > _MOST_SLICES:
        raise ShipwayError(
            "SW-106", f"experiment {noun.name!r} has {len(noun.slices)} slices", f"name at most {_MOST_SLICES}"
        )
    if round(noun.share * PLACES) < len(noun.variants):
        raise ShipwayError("SW-106", f"experiment {noun.name!r} takes {noun.share:.2%} of its units", "take more")


def _on(exposed: Event, where: str, condition: object) -> Expr:
    """Return a condition on the exposures; SW-106 for one on anything else."""
    taken = take_expression(condition, where)
    streams = streams_of(taken)
    if any(stream not in (exposed.name, exposed.source.name) for stream in streams) or any(
        isinstance(node, Aggregate) for node in walk(taken)
    ):
        fact = f"{where} is {render(taken)}, which is no condition on {exposed.name}"
        raise ShipwayError("SW-106", fact, f"use columns of {exposed.source.name}")
    for node in walk(taken):
        if isinstance(node, Column):
            _require_known(exposed, where, node.name)
    return taken


def _column(exposed: Event, where: str, column: object) -> str:
    taken = take(column, Column, where, f"name a column of {exposed.source.name}")
    if taken.table not in (exposed.name, exposed.source.name):
        raise ShipwayError("SW-106", f"{where} is {render(taken)}", f"name a column of {exposed.source.name}")
    _require_known(exposed, where, taken.name)
    return taken.name


def _require_known(exposed: Event, where: str, column: str) -> None:
    """Refuse a column of the exposures that becomes known after them, which the variants may have changed."""
    instant = exposed.source.instant_of(column)
    if instant not in (ALWAYS, exposed.known_at):
        fact = f"{where} reads {exposed.source.name}.{column}, known at {instant!r} and not at {exposed.known_at!r}"
        raise ShipwayError("SW-301", fact, "what a unit is like must be known when it meets the experiment")


def _share(where: str, share: object, *, none: bool = False) -> float:
    number = finite(where, share)
    if not 0 <= number <= 1 or (number == 0 and not none):
        raise ShipwayError("SW-106", f"{where} is {number:g}", "write a share, such as 0.5")
    return number
