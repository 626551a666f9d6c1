"""Words that have no place here: registry hosts in files, and names that say nothing on modules."""

from pathlib import Path

# Locks and docs name packages, never where they come from: a mirror must work as well. The words are put
# together here, so that this file passes its own test.
_REGISTRY_HOSTS = [
    ".".join(labels)
    for labels in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
    )
]
_EMPTY_NAMES = {"common", "helper", "helpers", "manager", "managers", "util", "utils"}
_CODE = {".py", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs"}


def _text(path: Path) -> str:
    """The file's text, or nothing if it is not text."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_registry_host(root: Path, source_files: list[Path]) -> None:
    found = [
        f"{path.relative_to(root)} names {host}"
        for path in source_files
        for host in _REGISTRY_HOSTS
        if host in _text(path).lower()
    ]
    assert found == []


def test_module_names_say_what_they_own(root: Path, source_files: list[Path]) -> None:
    empty = []
    for path in source_files:
        inside = path.relative_to(root)
        names = {*inside.parent.parts, inside.name.split(".")[0]}
        if path.suffix in _CODE and names & _EMPTY_NAMES:
            empty.append(str(inside))
    assert empty == []
