"""Results on disk, known by the content of what they are of: shared by runs, users and machines."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.given import LARGEST_STATEMENT, Rule, Table, check, parse_json, read_regular

logger = logging.getLogger(__name__)


class Cache:
    """A folder of results, a JSON file each.

    What is no result there (a file that was cut short, or is of something else) counts as absent.
    """

    def __init__(self, folder: Path, rule: Rule) -> None:
        """The cache in a folder, which is made where it is missing.

        Args:
            folder: where it is.
            rule: what results are.

        Raises:
            TinySegError: there can be no such folder.
        """
        self.folder = folder
        self._rule = Table({"result": rule}, ("result",))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TinySegError(
                f"the cache {folder}: {error.strerror or error}; name a folder that can be written"
            ) from None

    def get(self, key: str) -> tuple[Any] | None:
        """The result of ``key``, alone in a tuple; None where there is none."""
        path = self._path(key)
        try:
            content = parse_json(read_regular(path, LARGEST_STATEMENT), "a result of the cache")
            check(self._rule, content, "a result of the cache")
        except FileNotFoundError:
            return None
        except (OSError, TinySegError) as error:
            logger.warning("%s is passed over: %s", path, error)
            return None
        return (content["result"],)

    def put(self, key: str, result: Any) -> None:
        """Keeps a result, as a whole or not at all.

        Raises:
            TinySegError: the folder cannot be written.
        """
        path = self._path(key)
        partial = ""
        try:
            number, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
            with os.fdopen(number, "w") as file:
                json.dump({"result": result}, file)
            Path(partial).replace(path)
        except OSError as error:
            raise TinySegError(f"the cache {self.folder}: {error.strerror or error}") from None
        finally:
            if partial:
                Path(partial).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"
