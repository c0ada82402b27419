"""Pages from templates, and our own styles and scripts by name."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from sounimicro_pipelines.panels.markup import table_rows
from sounimicro_pipelines.panels.signin.viewer import open_to_all
from sounimicro_pipelines.panels.words import Words

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals["table_rows"] = table_rows


def render(template: str, language: Words, **values: Any) -> str:
    """A page from a template."""
    return _ENVIRONMENT.get_template(template).render(w=language, asset=asset, open_to_all=open_to_all.get(), **values)


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Content and digest of every style, script and icon, by name."""
    files = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _TYPES}
    return {name: (content, hashlib.sha256(content).hexdigest()[:12]) for name, content in files.items()}


def static_type(name: str) -> str:
    """The media type of a file of ours."""
    return _TYPES[Path(name).suffix]


@cache
def asset(name: str) -> str:
    """The address of a style or script of ours, which changes with its content."""
    return f"/static/{name}?v={static_files()[name][1]}"
