"""An inbox of files: what was pushed is a file named by its content before anybody is told that it was accepted."""

import re
from pathlib import Path
from typing import Final

from polars.exceptions import PanicException, PolarsError

from shipway.adapters.file.fault import translate_fault
from shipway.adapters.file.format import parse
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import make_folder, stage_file, sweep_staged
from shipway.ports.inbox import Delivery

_NAME: Final = re.compile(r"(\d{20})-([0-9a-f]{64})\..+")
_READ_ONLY: Final = 0o444


class FileInbox:
    """The bodies pushed to one raw input, each a file that `FileReader` reads as a piece, in the order of arrival.

    A name is the instant of arrival and the digest of the content, so the same body is kept once, however often it is
    sent. One process writes; any number reads.
    """

    def __init__(self, folder: Path) -> None:
        """Open an inbox and sweep away what a killed writer left; nothing is created before the first delivery.

        Args:
            folder: the input's own folder.
        """
        self._folder = folder
        sweep_staged(folder)
        found = (_NAME.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ()))
        known = {name[2]: int(name[1]) for name in found if name is not None}
        self._known = set(known)
        self._last_us = max(known.values(), default=0)

    def put(self, body: bytes, ending: str, *, at: int) -> Delivery:
        """Keep a body durably, if it is whole.

        Raises:
            ShipwayError: SW-201 if it is damaged or cut short, SW-204 if it has no rows; SW-601 disk full, SW-602 not
                writable. Nothing was written then.
        """
        try:
            rows = sum(frame.height for frame in parse(body, ending, typed=False)) if body else 0
        except (ValueError, PolarsError, PanicException) as fault:
            reason = str(fault).partition("\n")[0] or type(fault).__name__
            raise ShipwayError("SW-201", f"the body is damaged or cut short: {reason}", "send it again") from fault
        if rows == 0:
            raise ShipwayError("SW-204", "the body has no rows", "send at least one")
        digest = digest_bytes(body)
        if digest in self._known:
            return Delivery(digest, rows, new=False)
        self._last_us = max(at, self._last_us + 1)
        with translate_fault(self._folder):
            make_folder(self._folder)
            with stage_file(self._folder, mode=_READ_ONLY) as staged:
                staged.write(body)
                staged.publish(self._folder / f"{self._last_us:020}-{digest}{ending}")
        self._known.add(digest)
        return Delivery(digest, rows, new=True)
