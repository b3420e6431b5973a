"""What a release is made of and needs, as CycloneDX 1.5: the wheel, and each package that its installation brought.

Versions, licences and who needs whom are those of an environment with the wheel, by its packages' metadata. TinySeg-TVM
holds no code of others; a compiler, QEMU and the C library of a board are the user's and not in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

NAME = "tinyseg-tvm"
INSPECTION = """
import json
from importlib.metadata import distributions
print(json.dumps([
    {key: each.metadata.get_all(key) or [] for key in
     ("Name", "Version", "Summary", "License-Expression", "License", "Classifier", "Requires-Dist")}
    for each in distributions()
]))
"""
"""A program that prints the metadata of all packages of the environment that runs it."""

Metadata = Mapping[str, Sequence[str]]


def canonical(name: str) -> str:
    """As the package index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_of_materials(packages_found: Sequence[Metadata], wheel: Path) -> dict[str, Any]:
    """The document.

    Args:
        packages_found: what ``INSPECTION`` prints in an environment in which the wheel is installed.
        wheel: the file.

    Raises:
        ValueError: the environment lacks the wheel, or what a package needs.
    """
    packages = {canonical(each["Name"][0]): each for each in packages_found}
    if NAME not in packages:
        raise ValueError(f"the environment has no {NAME}")
    needs: dict[str, list[str]] = {}
    pending = [NAME]
    while pending:
        name = pending.pop()
        if name not in needs:
            needs[name] = _needed(packages[name], packages)
            pending += needs[name]
    references = {name: f"pkg:pypi/{name}@{packages[name]['Version'][0]}" for name in needs}
    main = _component(packages[NAME], references[NAME], "application")
    main["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    others = [_component(packages[name], references[name], "library") for name in sorted(needs) if name != NAME]
    content = {
        "metadata": {"component": main},
        "components": others,
        "dependencies": [
            {"ref": references[name], "dependsOn": [references[each] for each in needs[name]]} for name in sorted(needs)
        ],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))  # the same for the same content
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": number.urn,
        "version": 1,
        **content,
    }


def _needed(metadata: Metadata, packages: Mapping[str, Metadata]) -> list[str]:
    """What a package needs here, without its extras."""
    found = []
    for text in metadata["Requires-Dist"]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            name = canonical(requirement.name)
            if name not in packages:
                raise ValueError(f"{metadata['Name'][0]} needs {name}, which is not installed")
            found.append(name)
    return sorted(set(found))


def _component(metadata: Metadata, reference: str, kind: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": reference,
        "name": metadata["Name"][0],
        "version": metadata["Version"][0],
        "purl": reference,
    }
    if metadata["License-Expression"]:
        component["licenses"] = [{"expression": metadata["License-Expression"][0]}]
    elif name := _licence(metadata):
        component["licenses"] = [{"license": {"name": name}}]
    if metadata["Summary"]:
        component["description"] = metadata["Summary"][0]
    return component


def _licence(metadata: Metadata) -> str:
    """Of packages without an expression: what they say in a line, or by a classifier."""
    said = "".join(metadata["License"]).strip()
    if said and "\n" not in said and len(said) <= 80:
        return said
    classified = [text for text in metadata["Classifier"] if text.startswith("License :: ")]
    return classified[0].split(" :: ")[-1] if classified else ""
