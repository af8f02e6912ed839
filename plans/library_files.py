"""Where the plan library is, and reading plan files from disk."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contactops.errors import Invalid
from plans import yaml_io

LIBRARY = Path(__file__).resolve().parent / "library"


def files(paths: Iterable[str | Path] = ()) -> list[Path]:
    """The given files, and those in given folders; the library when nothing is given. In order of name."""
    found: list[Path] = []
    for path in [Path(path) for path in paths] or [LIBRARY]:
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return found


def read(path: Path) -> dict[str, Any]:
    """The document of one file, or Invalid with file, line and key."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}", field="file") from None
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: this is not UTF-8 text (byte {error.start})", field="file") from None
    return yaml_io.parse(text, str(path))
