"""A drawing as PNG, for places that take no SVG: a contest's forum, a hub's card, a chat.

resvg draws it. The letters are Public Sans, which comes as a package, so that a machine without fonts draws the same; what that font does
not have is taken from the machine's.
"""

from importlib.resources import as_file, files

ZOOM = 3
"""Pixels for a unit of the drawing: 400 units are 1,200 pixels."""


def png_of(svg: str) -> bytes:
    """The drawing on white, in its light colours."""
    from resvg_py import svg_to_bytes

    with as_file(files("fontpkg_public_sans") / "files" / "PublicSans[wght].ttf") as font:
        return svg_to_bytes(
            svg_string=svg, zoom=ZOOM, background="white", font_files=[str(font)], font_family=FAMILY, sans_serif_family=FAMILY
        )


FAMILY = "Public Sans"
