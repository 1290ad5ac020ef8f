"""The two themes: calm surfaces, one accent colour, and the usual green, amber and red; and Textual's, made legible."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="vestige-dark",
    dark=True,
    primary="#4fb3a5",
    secondary="#4fb3a5",
    accent="#4fb3a5",
    foreground="#d7dae0",
    background="#15181c",
    surface="#1b1f24",
    panel="#242a31",
    success="#7fbf7f",
    warning="#d9a441",
    error="#e06c75",
    variables={
        "muted": "#8b95a1",
        "footer-background": "#242a31",
        "footer-key-foreground": "#4fb3a5",
        "footer-description-foreground": "#d7dae0",
        "block-cursor-background": "#4fb3a5",
        "block-cursor-foreground": "#101316",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#2f3a40",
        "input-selection-background": "#4fb3a5 35%",
        "border": "#4fb3a5",
        "border-blurred": "#3a434c",
    },
)

LIGHT = Theme(
    name="vestige-light",
    dark=False,
    primary="#00766c",
    secondary="#00766c",
    accent="#00766c",
    foreground="#22272d",
    background="#f7f7f5",
    surface="#efefec",
    panel="#e3e4e0",
    success="#2f7d32",
    warning="#9a6200",
    error="#b3261e",
    variables={
        "muted": "#667079",
        "footer-background": "#e3e4e0",
        "footer-key-foreground": "#00766c",
        "footer-description-foreground": "#22272d",
        "block-cursor-background": "#00766c",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#cfd8d5",
        "input-selection-background": "#00766c 25%",
        "border": "#00766c",
        "border-blurred": "#b9bdb8",
    },
)

LEAST_CONTRAST = 3.0
"""Between text and what it stands on, as WCAG computes it."""

_SURFACES = ("background", "surface", "panel")
_OF_EACH_THEME = ("accent", "success", "warning", "error")
WRITTEN = {
    **dict.fromkeys((*_OF_EACH_THEME, "muted", *(f"text-{name}" for name in _OF_EACH_THEME)), _SURFACES),
    "footer-key-foreground": ("footer-background",),
}
"""The colours that the wizard writes with, and what each stands on."""

_CURSOR = "block-cursor-foreground", "block-cursor-background"


@cache
def legible(name: str) -> Theme:
    """One of Textual's themes with colours that can be read as text: some of theirs are meant for areas alone.

    A colour goes towards black or white until it stands out. The terminal's own colours stay.
    """
    theme = BUILTIN_THEMES[name]
    muted = {"muted": (DARK if theme.dark else LIGHT).variables["muted"]}
    if theme.ansi:
        return replace(theme, variables=muted | theme.variables)
    colours = muted | colours_of(theme)
    written = {name: _standing_out(colours[name], [colours[on] for on in places]) for name, places in WRITTEN.items()}
    accent, success, warning, error = (written.pop(name) for name in _OF_EACH_THEME)
    variables = theme.variables | written
    readable = replace(theme, accent=accent, success=success, warning=warning, error=error, variables=variables)
    on_cursor, cursor = (colours_of(readable)[name] for name in _CURSOR)
    if not on_cursor.startswith("auto") and contrast(on_cursor, cursor) < LEAST_CONTRAST:
        readable.variables[_CURSOR[0]] = Color.parse(cursor).get_contrast_text(1.0).hex
    return readable


def colours_of(theme: Theme) -> dict[str, str]:
    """What the variables of a theme stand for."""
    return theme.to_color_system().generate() | theme.variables


def contrast(one: str, other: str) -> float:
    """Between two colours: from 1 for equal ones to 21 for black and white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = zip((0.2126, 0.7152, 0.0722), Color.parse(colour).normalized, strict=True)
    return sum(weight * (part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4) for weight, part in parts)


def _standing_out(colour: str, places: list[str]) -> str:
    enough = LEAST_CONTRAST + 0.1  # Textual rounds what it derives of a colour
    away = Color.parse(places[0]).get_contrast_text(1.0)
    mixed = (Color.parse(colour).blend(away, percent / 100).hex for percent in range(0, 101, 5))
    return next(hex for hex in mixed if min(contrast(hex, place) for place in places) >= enough)
