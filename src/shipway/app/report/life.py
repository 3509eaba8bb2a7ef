"""What stands about a service's life at the head of the page: a few sentences and numbers."""

from collections.abc import Iterator

from shipway.app.count import write_plural
from shipway.app.report.element import Markup, element, tile
from shipway.app.report.live import LiveData, ReleaseData
from shipway.app.report.service import write_share_kept


def show_life(live: LiveData) -> Markup:
    """Return what became of a service in a few sentences, with the numbers that matter most."""
    tiles = list(_tiles(live))
    return element(
        "div",
        element("p", " ".join(_sentences(live)), class_="lede"),
        element("div", *tiles, class_="tiles") if tiles else None,
        class_="life",
    )


def _sentences(live: LiveData) -> Iterator[str]:
    yield (
        f"Service {live.service} answered {live.answered:,} requests from {live.period[0]} to {live.period[1]}; it"
        f" opened with version {live.opened}."
    )
    retrained = {retrain.number for retrain in live.retrains}
    for release in live.releases:
        if release.candidate not in retrained:
            yield _told(release)
    if live.retrains:
        yield _retrained(live)
    if live.unlabelled:
        yield f"{live.unlabelled}."
    compared = live.comparison
    if compared is not None and compared.triggered.share is not None:
        alone = ""
        if compared.first is not None and compared.first.share is not None:
            alone = f", and the first release alone keeps {write_share_kept(compared.first.share)}"
        kept = write_share_kept(compared.triggered.share)
        yield f"What was served keeps {kept} of what a new version every month would have gained{alone}."


def _retrained(live: LiveData) -> str:
    days = ", ".join(retrain.asked for retrain in live.retrains)
    asked = write_plural(len(live.retrains), "retrain")
    promoted = [f"{retrain.number}" for retrain in live.retrains if retrain.released == "promoted"]
    if not promoted:
        return f"Gates asked for {asked} ({days}), and no version of them was promoted."
    many = "version" if len(promoted) == 1 else "versions"
    return f"Gates asked for {asked} ({days}); of what they made, {many} {', '.join(promoted)} came into service."


def _told(release: ReleaseData) -> str:
    version = f"Version {release.candidate}"
    match release.outcome:
        case "promoted":
            return f"{version} was promoted on {release.ended}."
        case "rolled back":
            return f"{version} was taken back on {release.ended} because {release.reason}."
        case "walking":
            return f"{version} has been on its walk since {release.started}."


def _tiles(live: LiveData) -> Iterator[Markup]:
    yield tile("Answers", f"{live.answered:,}", f"{live.labelled:,} have a label, {live.failed:,} failed")
    compared = sum(audit.compared for audit in live.served_audit)
    if compared:
        differing = sum(audit.differing for audit in live.served_audit)
        yield tile("Vectors that differ from offline", f"{differing:,}", f"of {compared:,} served, to the bit")
    failed = sum(span.lane == "incidents" for span in live.timeline.spans)
    if live.timeline.asked:
        asked = sum(live.timeline.asked.values())
        yield tile("Incidents", f"{failed:,}", f"in {write_plural(asked, 'verdict')} of live gates")
    if live.server is not None and live.server.p99_ms is not None:
        took = f"{live.server.p99_ms:.1f} ms"
        yield tile("99% answered within", took, f"{live.server.per_second:,.0f} requests a second")
