"""What the pictures of the documentation have in common: colours, fonts and the head of the file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """The colours of text and background."""

    name: str
    ink: str
    soft: str
    page: str
    blue: str
    """The background of what matters."""


LIGHT = Theme("light", "#1f2328", "#59636e", "#ffffff", "#ddf4ff")
DARK = Theme("dark", "#e6edf3", "#9198a1", "#0d1117", "#0c2d4d")

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def head(width: int, height: int, title: str, description: str) -> str:
    """The start of the file, with what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title text">\n'
        f'<title id="title">{title}</title>\n'
        f'<desc id="text">{description}</desc>\n'
    )
