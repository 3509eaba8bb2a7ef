"""The entry of the command line: the table of commands, and the one place where errors become exit codes."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError, UnusedCliTokensError

from shipway.cli.door import Door
from shipway.cli.failure import DONE, UNREAD, UsageError, explain
from shipway.cli.output import guard_streams
from shipway.cli.render import open_console, print_document, print_failure
from shipway.kit.suggestion import did_you_mean
from shipway.kit.version import VERSION

COMMANDS: Final = {
    "init": ("init", "Make a new project that runs as it is"),
    "run": ("run", "Make everything: data, checks, features, models, evaluation, bundles"),
    "status": ("status", "Show where the project stands"),
    "check": ("check", "Ask the gates: data now, versions on what was measured of them"),
    "data": ("data", "Branch, compare, merge and roll back the project's data"),
    "stream": ("stream", "Follow raw inputs that are streams of changes"),
    "features": ("feature", "Find features, read them, serve them and audit what was served"),
    "frame": ("frame", "Write a model's frame to a file, or as SQL"),
    "models": ("model", "Show, search and compare versions of models; name, approve and retire them"),
    "evaluate": ("evaluate", "Measure a version beside its baselines, on its test period or another"),
    "bundle": ("bundle", "Build, verify, inspect and sign bundles, and exchange them with other systems"),
    "explain": (
        "explain",
        "Say why a version predicts what it does: reasons, what it listens to, what would change it",
    ),
    "test": ("test", "Run behavioural tests on a version, or a suite of them on any model behind a URL"),
    "score": ("score", "Score every row of a table, into a table or a file"),
    "load": ("load", "Put a load on a bundle or an address, and find what it can take"),
    "serve": ("serve", "Answer requests with a service's versions"),
    "release": ("release", "Show the walks of releases, begin one, or take one back"),
    "experiment": ("experiment", "Plan, begin, look at and decide experiments"),
    "control": ("control", "Walk releases, ask live gates, and route requests"),
    "replay": ("replay", "Let a service live through recorded history"),
    "ledger": ("ledger", "Show, verify or re-read everything that happened"),
    "demo": ("demo", "Run the flights example from raw data to a report"),
    "doctor": ("doctor", "Look at everything shipway asks of this machine"),
}
"""Command to its module below `shipway.cli`, imported when it is called, and to what it does."""
EPILOGUE: Final = """\
Start here:
  shipway demo                  a whole path and half a year of service on real data, in four minutes
  shipway init shop             a small project of your own
  cd shop && shipway run

Exit codes:
  0  done
  1  refused or failed: the error says why and what to do
  2  the command was written wrongly
  3  a gate failed
  4  a gate holds: there is not enough evidence yet
  5  another process is running the project
  130  stopped by Ctrl-C; the same command continues
  141  done, and nobody read the answer to its end

Answers go to standard output, everything else to standard error"""

app = App(
    name="shipway",
    help="Take a model from a prototype to production and keep it there",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=VERSION,
    default_parameter=Parameter(negative=""),
    suppress_keyboard_interrupt=False,
)
for _place, (_name, (_module, _said)) in enumerate(COMMANDS.items()):
    app.command(f"shipway.cli.{_module}:app", name=_name, help=_said, sort_key=_place)

app.meta.suppress_keyboard_interrupt = False
_EVERYWHERE: Final = Group("Everywhere")


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    project: Annotated[Path | None, Parameter(group=_EVERYWHERE)] = None,
    json: Annotated[bool, Parameter(group=_EVERYWHERE, negative="", show_default=False)] = False,
) -> int:
    """Run one command.

    Args:
        tokens: the command and what belongs to it.
        project: folder of the project; by default the one the working folder belongs to
        json: answer with one JSON document; progress and errors are JSON lines on standard error
    """
    door = Door(folder=project, json=json)
    command, bound, given = app.parse_args(tokens, exit_on_error=False, print_error=False)
    extra: dict[str, Any] = {name: door for name, kind in given.items() if kind is Door}
    # What the user's own code prints must not get between a JSON document and its reader.
    with redirect_stdout(sys.stderr) if json else nullcontext():
        return command(*bound.args, **bound.kwargs, **extra) or DONE


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        tokens: the words after `shipway`; those of the process where None.
    """
    words = list(sys.argv[1:] if tokens is None else tokens)
    with guard_streams() as out:
        code = _answer(words)
        out.flush()
    return UNREAD if out.gone and code == DONE else code


def _answer(words: Sequence[str]) -> int:
    try:
        return run_words(words)
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        failure, code = explain(_plain(error, words))
        print_failure(failure, sys.stderr, json="--json" in words)
        return code


def run_words(words: Sequence[str]) -> int:
    """Run the command line and return its exit code, or raise what went wrong."""
    if sorted(words) == ["--json", "--version"]:
        print_document({"version": VERSION}, sys.stdout)
        return DONE
    console = open_console(sys.stdout, piped=None)
    app.console = app.meta.console = console
    result: Any = app.meta(words, exit_on_error=False, print_error=False, result_action="return_value")
    sys.stdout.flush()
    return result if isinstance(result, int) else DONE


def _plain(error: BaseException, words: Sequence[str]) -> BaseException:
    """Return what the parser found wrong as a fact and a hint."""
    if not isinstance(error, CycloptsError):
        return error
    if isinstance(error, UnknownCommandError | UnusedCliTokensError) and error.unused_tokens:
        # The parser's own sentence would import every command to name it.
        word = error.unused_tokens[0]
        names = COMMANDS if error.app in (None, app, app.meta) else [name for name in error.app if name[0] != "-"]
        if names:
            return UsageError(f"there is no command {word!r}", did_you_mean(word, names, most=len(COMMANDS)))
        return UsageError(f"there is no place for {word!r}", _see_help(words))
    return UsageError(str(error).strip().removesuffix("."), _see_help(words))


def _see_help(words: Sequence[str]) -> str:
    command = [word for word in words if word in COMMANDS][:1]
    return f"{' '.join(['shipway', *command])} --help says what may stand here"
