"""Pandera schemas from modules and from YAML, as the document that Pandera itself would write, functions included."""

import importlib
import sys
from pathlib import Path
from typing import Any

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean


class PanderaSchemas:
    """Reads schemas of Pandera."""

    def load(self, name: str, folder: Path) -> dict[str, Any]:
        """Return a schema given as `module:name`, a DataFrameSchema or a DataFrameModel.

        Args:
            name: the module and what it calls the schema.
            folder: where modules are looked for too.

        Raises:
            ShipwayError: SW-103 if the module cannot be imported, SW-104 if it has nothing of the name, SW-106 if that
                is no schema.
        """
        module_name, _, attribute = name.partition(":")
        sys.path.insert(0, str(folder))
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError:
            raise
        except Exception as error:
            hint = "correct it, then import again"
            raise ShipwayError("SW-103", f"module {module_name!r} cannot be imported: {error}", hint) from error
        finally:
            sys.path.remove(str(folder))
        found: Any = getattr(module, attribute, None)
        if found is None:
            names = [each for each in vars(module) if not each.startswith("_")]
            raise ShipwayError("SW-104", f"{module_name} has no {attribute!r}", did_you_mean(attribute, names))
        schema = found.to_schema() if hasattr(found, "to_schema") else found
        if not hasattr(schema, "columns") or not hasattr(schema, "checks"):
            raise ShipwayError("SW-106", f"{name} is no schema of Pandera", "name a DataFrameSchema or DataFrameModel")
        return _describe(schema)

    def parse(self, text: str) -> Any:
        """Return what YAML says."""
        import yaml

        return yaml.safe_load(text)


def _describe(schema: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, column in schema.columns.items():
        columns[name] = {
            "dtype": None if column.dtype is None else str(column.dtype),
            "nullable": column.nullable,
            "unique": column.unique,
            "required": column.required,
            "coerce": column.coerce,
            "regex": column.regex,
            "checks": [_describe_check(check) for check in column.checks],
        }
    return {
        "columns": columns,
        "unique": schema.unique,
        "strict": schema.strict,
        "ordered": schema.ordered,
        "checks": [_describe_check(check) for check in schema.checks],
        "index": getattr(schema, "index", None) is not None,
    }


def _describe_check(check: Any) -> dict[str, Any]:
    options = {"check_name": check.name or "check", "raise_warning": check.raise_warning, "ignore_na": check.ignore_na}
    return {**check.statistics, "options": options}
