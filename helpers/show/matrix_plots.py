"""The comparison matrix as pictures: every run is a dot, a line marks the median."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from helpers.probes import measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.probes.matrix import Matrix, Row

__all__ = ["CAPTION", "PANELS", "Plot"]

# What is seen together: the measures of a panel, and whether its axis is logarithmic.
PANELS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("restart latency", ("restart_first", "restart_second"), True),
    ("boot to ready", ("boot",), True),
    ("memory", ("memory_pid1", "memory_all"), True),
    ("shutdown", ("shutdown",), True),
)
_COLOURS = ("#1f6fb2", "#d95f02")
CAPTION = "Dots: single runs. Bars: medians. In italics: not comparable with the others, see the notes."
_FACE, _GRID, _INK, _FAINT = "#ffffff", "#e3e8ee", "#1f2933", "#6b7683"
_NAMES = {
    "restart_first": "first kill",
    "restart_second": "second kill",
    "memory_pid1": "PID 1",
    "memory_all": "all supervision",
}


class Plot:
    """Panels of a matrix; with `keys`, one panel for each of these measures. Words cannot be plotted.

    A name in italics has an asterisk in the table: its figure must not be compared with the others.
    Raises KeyError for a measure that is not there and ValueError for a word.
    """

    def __init__(self, matrix: Matrix, keys: Sequence[str] = ()) -> None:
        self.matrix = matrix
        self.panels = PANELS
        if keys:
            chosen = [measures.get(key) for key in keys]
            for measure in chosen:
                if measure.words:
                    raise ValueError(f"{measure.key} is a word, not a number: see table()")
            self.panels = tuple(
                (measure.title, (measure.key,), _spans(matrix, measure.key)) for measure in chosen
            )

    def figure(self, caption: str = "") -> Figure:
        """The picture as matplotlib's figure, made without any window; `caption` stands below."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        columns = min(2, len(self.panels))
        lines = -(-len(self.panels) // columns)
        height = max(2.0, 0.30 * len(self.matrix.measured) + 1.15)
        figure = Figure(figsize=(6.1 * columns, height * lines), facecolor=_FACE, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(lines, columns, squeeze=False)
        flat = [axes[line][column] for line in range(lines) for column in range(columns)]
        for ax, (title, keys, log) in zip(flat, self.panels, strict=False):
            self._panel(ax, title, keys, log)
        for ax in flat[len(self.panels) :]:
            ax.set_visible(False)
        if caption:
            figure.supxlabel(caption, fontsize=8.5, color=_FAINT)
        return figure

    def png(self, dpi: int = 130) -> bytes:
        """The picture as PNG."""
        out = io.BytesIO()
        self.figure(CAPTION).savefig(out, format="png", dpi=dpi, metadata={"Software": "initlab"})
        return out.getvalue()

    def svg(self) -> str:
        """The picture as SVG, to stand inside a page; the same matrix gives the same text."""
        import matplotlib as mpl

        out = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": "initlab", "svg.fonttype": "path"}):
            self.figure().savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        text = out.getvalue()
        text = text[text.index("<svg") :]
        # A width in points would not shrink with a narrow window.
        text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
        return re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 width="100%" role="img"', text, count=1)

    def each(self) -> list[Plot]:
        """Every panel as a picture of its own."""
        made = []
        for panel in self.panels:
            one = Plot(self.matrix)
            one.panels = (panel,)
            made.append(one)
        return made

    def __str__(self) -> str:
        return str(self.matrix.table([key for _, keys, _ in self.panels for key in keys]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        width = 900 if len(self.panels) > 1 else 480
        return f'<div style="max-width:{width}px;background:#fff">{self.svg()}</div>'

    def _repr_png_(self) -> bytes:
        return self.png()

    # -- inside -------------------------------------------------------------------------------

    def _panel(self, ax: Axes, title: str, keys: tuple[str, ...], log: bool) -> None:
        rows = self._sorted(keys)
        log = log and self._positive(keys)
        unit, factor = measures.get(keys[0]).show
        where = {row.init: len(rows) - number for number, row in enumerate(rows)}
        ax.hlines(list(where.values()), 0, 1, transform=ax.get_yaxis_transform(), color=_GRID, linewidth=0.8)
        for series, key in enumerate(keys):
            offset = 0.0 if len(keys) == 1 else (0.18 if series == 0 else -0.18)
            self._dots(ax, key, _COLOURS[series], where, offset, factor)
        ax.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
        ax.set_xlabel(f"{unit or 'count'}{', logarithmic' if log else ''}", fontsize=9, color=_INK)
        ax.set_yticks([where[row.init] for row in rows], [row.title for row in rows], fontsize=9)
        for label, row in zip(ax.get_yticklabels(), rows, strict=True):
            odd = any(row.why_not(key, self.matrix.service) for key in keys)
            label.set_color(_FAINT if odd else _INK)
            label.set_fontstyle("italic" if odd else "normal")
        ax.set_ylim(0.4, len(rows) + 0.6)
        if log:
            ax.set_xscale("log")
            _plain_ticks(ax)
        else:
            ax.set_xlim(left=0)
        ax.grid(axis="x", color=_GRID, linewidth=0.8, which="both" if log else "major")
        ax.set_axisbelow(True)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color(_FAINT)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=8, colors=_INK, which="both", length=2)
        if len(keys) > 1:
            ax.legend(loc="upper right", bbox_to_anchor=(1, 1.13), ncols=2, frameon=False, fontsize=8.5)

    def _positive(self, keys: tuple[str, ...]) -> bool:
        """Whether there is something to draw and nothing of it is 0, which has no logarithm."""
        found = [self.matrix.measurement(row.init, key).low for row in self.matrix.measured for key in keys]
        numbers = [low for low in found if low is not None]
        return bool(numbers) and min(numbers) > 0

    def _dots(
        self, ax: Axes, key: str, colour: str, where: dict[str, int], offset: float, factor: float
    ) -> None:
        label: str | None = _NAMES.get(key, measures.get(key).title)
        for init, y in where.items():
            found = self.matrix.measurement(init, key)
            if not found.n or isinstance(found.value, str) or found.value is None:
                continue
            height = y + offset
            xs = [number * factor for number in found.numbers]
            ax.plot([min(xs), max(xs)], [height, height], color=colour, linewidth=1.2, alpha=0.35)
            ax.plot(xs, [height] * len(xs), "o", color=colour, markersize=4, alpha=0.45, mew=0)
            middle = found.value * factor
            ax.plot([middle], [height], "|", color=colour, markersize=11, mew=2.2, label=label)
            label = None

    def _sorted(self, keys: tuple[str, ...]) -> list[Row]:
        """The least first, by the last measure of the panel."""

        def place(row: Row) -> float:
            value = self.matrix.value(row.init, keys[-1])
            return float("inf") if value is None or isinstance(value, str) else value

        return sorted(self.matrix.measured, key=place)


def _spans(matrix: Matrix, key: str) -> bool:
    """Whether values lie so far apart that a straight axis would hide the small ones."""
    found = [matrix.value(row.init, key) for row in matrix.measured]
    numbers = [value for value in found if isinstance(value, int | float)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > 15


def _plain_ticks(ax: Any) -> None:
    """1, 2, 5, 10, 20 … as numbers: powers of ten are for people who have learnt to read them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", " ")))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(LogLocator(base=10, subs=(1.0,)))
