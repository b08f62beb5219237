"""A flat drawing: rectangles, lines, marks and words, written as SVG or drawn as PNG.

Coordinates are pixels from the top left. Colours are CSS hex values; `INK` is the text colour of the page
where it is shown.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from html import escape

__all__ = ["INK", "Scene"]

INK = "currentColor"
_PAPER_INK = "#222222"


@dataclass
class Scene:
    """Shapes in the order they are drawn."""

    width: float
    height: float
    title: str = ""
    describes: str = ""
    _shapes: list[tuple[str, tuple[float, ...], str, str, str]] = field(default_factory=list)

    def rect(self, x: float, y: float, width: float, height: float, colour: str, title: str = "") -> None:
        """A filled rectangle; `title` is shown under the mouse."""
        self._shapes.append(("rect", (x, y, width, height), colour, "", title))

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = INK, width: float = 1.0) -> None:
        """A straight line."""
        self._shapes.append(("line", (x1, y1, x2, y2, width), colour, "", ""))

    def triangle(self, x: float, y: float, size: float, colour: str = INK, title: str = "") -> None:
        """A triangle that points down at `x`, `y`."""
        points = (x, y, x + size * 0.6, y - size, x - size * 0.6, y - size)
        self._shapes.append(("polygon", points, colour, "", title))

    def diamond(self, x: float, y: float, size: float, colour: str = INK, title: str = "") -> None:
        """A diamond around `x`, `y`."""
        points = (x, y - size, x + size, y, x, y + size, x - size, y)
        self._shapes.append(("polygon", points, colour, "", title))

    def ring(self, x: float, y: float, radius: float, colour: str = INK, title: str = "") -> None:
        """A small circle that is not filled."""
        self._shapes.append(("ring", (x, y, radius), colour, "", title))

    def text(
        self, x: float, y: float, words: str, size: float = 12, colour: str = INK, anchor: str = "start"
    ) -> None:
        """Words with their base line at `y`; `anchor` is `start`, `middle` or `end`. `size` 13 is bold."""
        self._shapes.append(("text", (x, y, size), colour, anchor, words))

    # -- SVG ----------------------------------------------------------------------------------

    def svg(self) -> str:
        """One `<svg>` element."""
        width, height = f"{self.width:g}", f"{self.height:g}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" '
            'style="font:12px system-ui,sans-serif;max-width:100%;color:var(--jp-content-font-color1,#222)">',
            f"<title>{escape(self.title)}</title><desc>{escape(self.describes)}</desc>",
        ]
        parts += [self._svg_of(*shape) for shape in self._shapes]
        return "".join([*parts, "</svg>"])

    def _svg_of(self, kind: str, at: tuple[float, ...], colour: str, anchor: str, words: str) -> str:
        n = [f"{value:.1f}".rstrip("0").rstrip(".") for value in at]
        inner = f"<title>{escape(words)}</title>" if words and kind != "text" else ""
        match kind:
            case "rect":
                return (
                    f'<rect x="{n[0]}" y="{n[1]}" width="{n[2]}" height="{n[3]}" rx="1.5" '
                    f'fill="{colour}">{inner}</rect>'
                )
            case "line":
                return (
                    f'<path d="M{n[0]} {n[1]}L{n[2]} {n[3]}" stroke="{colour}" stroke-width="{n[4]}" '
                    'fill="none"/>'
                )
            case "polygon":
                points = " ".join(f"{x},{y}" for x, y in zip(n[::2], n[1::2], strict=True))
                return f'<polygon points="{points}" fill="{colour}">{inner}</polygon>'
            case "ring":
                return (
                    f'<circle cx="{n[0]}" cy="{n[1]}" r="{n[2]}" fill="none" stroke="{colour}" '
                    f'stroke-width="1.2">{inner}</circle>'
                )
        weight = ' font-weight="600"' if at[2] == 13 else ""
        return (
            f'<text x="{n[0]}" y="{n[1]}" font-size="{n[2]}" fill="{colour}" text-anchor="{anchor}"{weight}>'
            f"{escape(words)}</text>"
        )

    # -- PNG ----------------------------------------------------------------------------------

    def png(self, scale: float = 2.0) -> bytes:
        """The same picture on white, `scale` dots to the pixel. Needs matplotlib."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width / 100, self.height / 100), dpi=100 * scale, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.axis("off")
        for shape in self._shapes:
            self._plot(axes, *shape)
        out = io.BytesIO()
        figure.savefig(out, format="png")
        return out.getvalue()

    def _plot(
        self, axes: object, kind: str, at: tuple[float, ...], colour: str, anchor: str, words: str
    ) -> None:
        from matplotlib.axes import Axes
        from matplotlib.patches import Circle, Polygon, Rectangle

        assert isinstance(axes, Axes)  # noqa: S101 - narrows the type
        ink = _PAPER_INK if colour == INK else colour
        match kind:
            case "rect":
                axes.add_patch(Rectangle((at[0], at[1]), at[2], at[3], facecolor=ink, linewidth=0))
            case "line":
                axes.plot(at[0:4:2], at[1:4:2], color=ink, linewidth=at[4] * 0.72, solid_capstyle="butt")
            case "polygon":
                axes.add_patch(Polygon(list(zip(at[::2], at[1::2], strict=True)), facecolor=ink, linewidth=0))
            case "ring":
                axes.add_patch(Circle((at[0], at[1]), at[2], facecolor="none", edgecolor=ink, linewidth=0.9))
            case "text":
                axes.text(
                    at[0],
                    at[1],
                    words.replace("$", r"\$"),
                    fontsize=at[2] * 0.72,
                    color=ink,
                    ha={"start": "left", "middle": "center", "end": "right"}[anchor],
                    va="baseline",
                    weight="bold" if at[2] == 13 else "normal",
                )
