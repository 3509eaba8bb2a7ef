"""Where the installed shipway lies."""

from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[1]
"""The folder of its modules, with the templates and examples that come along."""
