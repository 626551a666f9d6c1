"""What is installed carries what it needs, and the licences of what it carries."""

import subprocess
import sys
import zipfile
from pathlib import Path


def test_the_wheel_carries_the_page_of_documentation(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    page = {f"polystep/http/docs/{name}" for name in ("index.html", "docs.css", "docs.js")}
    swagger = {
        f"polystep/http/docs/swagger-ui/{name}"
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE")
    }
    assert page | swagger <= names
