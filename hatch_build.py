"""Puts Swagger UI, a Node package of this checkout, into the wheel and the source archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "node_modules/swagger-ui-dist"
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE")
PLACE = "polystep/http/docs/swagger-ui"


class SwaggerHook(BuildHookInterface[Any]):
    """Without the Node packages a build goes on: a backend works without its page of documentation, which says so."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; an editable install finds them where they are."""
        if version == "editable":
            return
        source = Path(self.root, FOLDER)
        missing = [name for name in FILES if not (source / name).is_file()]
        if missing:
            self.app.display_warning(
                f"{source} lacks {', '.join(missing)}: /docs will be empty. Run `make setup` first."
            )
            return
        target = PLACE if self.target_name == "wheel" else FOLDER
        build_data["force_include"] |= {str(source / name): f"{target}/{name}" for name in FILES}
