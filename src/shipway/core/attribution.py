"""The words for checks on what a candidate listens to, and whether it gives the reasons that the current one does."""

from shipway.core.argument import take_name
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView, flatten
from shipway.core.measure import Attribution, ReasonAgreement
from shipway.maths.expression import Feature, quote


def attribution(*parts: Feature | FeatureView, of: str = "") -> Check:
    """Measure which share of all contributions to a candidate's predictions is that of features or whole views.

    Contributions are those of `shipway explain`; shares of all features add up to 1. Compare it with a bound:
    `sw.attribution(customer) >= 0.1`, `sw.attribution(basket.hour) <= 0.2`.

    Args:
        parts: features of views, such as `customer.orders_90d`, or views.
        of: of a label of classes, the one whose predictions are meant.

    Raises:
        ShipwayError: SW-106 where nothing is named, something else than features and views is, or one is named twice.
    """
    names, columns = list[str](), list[str]()
    for part in parts:
        if isinstance(part, FeatureView):
            names.append(part.name)
            columns += [flatten(part.name, name) for name in part.features]
        elif isinstance(part, Feature):  # pyright: ignore[reportUnnecessaryIsInstance]
            names.append(f"{part.view}.{part.name}")
            columns.append(flatten(part.view, part.name))
        else:
            fact = f"attribution is of features and views, not of {part!r}"
            raise ShipwayError("SW-106", fact, "name a feature of a view, such as customer.orders_90d, or a view")
    if not names:
        raise ShipwayError("SW-106", "attribution() names no feature", "say whose share, such as attribution(customer)")
    for column in columns:
        if columns.count(column) > 1:
            raise ShipwayError("SW-106", f"attribution names {column!r} twice", "name each feature once")
    one, said = take_name(of, "the class of attribution"), ", ".join(names)
    words = f"{said}, of={quote(one)}" if one else said
    name = f"attribution of {said}" + (f" for {one}" if one else "")
    return Check(name, Attribution(tuple(columns), of=one), "candidate", f"attribution({words})")


def reason_agreement(baseline: str = "current", *, top: int = 5, of: str = "") -> Check:
    """Measure how far a candidate gives each row the same greatest reasons as a version of the model: 0 none, 1 all.

    It is the average overlap of the features that contribute most, whose first places count most. Where no version has
    passed yet, nothing disagrees and it is 1. Compare it with a bound: `sw.reason_agreement(top=4) >= 0.6`.

    Args:
        baseline: `current`, the registered version it would replace.
        top: how many reasons of a row are compared.
        of: of a label of classes, the one whose predictions are meant.

    Raises:
        ShipwayError: SW-106 for another baseline, or fewer than one reason.
    """
    if take_name(baseline, "the baseline of reason_agreement") != "current":
        hint = "leave it away: reasons are compared with those of the current version"
        raise ShipwayError("SW-106", f"reason_agreement is not measured against {baseline!r}", hint)
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ShipwayError("SW-106", f"reason_agreement has top={top!r}", "compare one reason at least")
    usual = ReasonAgreement()
    words = [quote(baseline)] if top == usual.top else [quote(baseline), f"top={top}"]
    name = f"reason agreement with {baseline} at {top}"
    if one := take_name(of, "the class of reason_agreement"):
        words.append(f"of={quote(one)}")
        name = f"{name} for {one}"
    return Check(name, ReasonAgreement(top, of=one), "candidate", f"reason_agreement({', '.join(words)})")
