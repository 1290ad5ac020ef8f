"""The two themes: calm surfaces, one accent colour, and the usual green, amber and red."""

from __future__ import annotations

from textual.theme import Theme

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
