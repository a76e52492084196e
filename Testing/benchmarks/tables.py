"""Tables of the benchmark, for a reader (Markdown) and for a spreadsheet (tab-separated)."""

from __future__ import annotations

from dataclasses import dataclass, field

from QSMRoiAnalysisCore.table import MISSING, plain_text


@dataclass
class Table:
    """Rows of named cells; a cell that a row lacks is empty.

    Attributes
    ----------
    name : str
        Name of its file.
    caption : str
        What the rows are, and what to know about them.
    rows : list of dict
    """

    name: str
    caption: str
    rows: list[dict] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Names of all cells, in the order in which they first occur."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def tsv(self) -> str:
        """Tab-separated text; no cell of it is a formula."""
        lines = [self.columns, *([_cell(row.get(name)) for name in self.columns] for row in self.rows)]
        return "".join("\t".join(line) + "\n" for line in lines)

    def markdown(self) -> str:
        """A Markdown table below its caption, columns aligned."""
        cells = [self.columns, *([_cell(row.get(name), "") for name in self.columns] for row in self.rows)]
        cells = [[cell.replace("|", "\\|") for cell in line] for line in cells]
        widths = [max(3, *map(len, column)) for column in zip(*cells)]
        numeric = [not any(isinstance(row.get(name), str) for row in self.rows) for name in self.columns]

        def line(parts: list[str]) -> str:
            aligned = (p.rjust(w) if n else p.ljust(w) for p, w, n in zip(parts, widths, numeric))
            return f"| {' | '.join(aligned)} |"

        rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric)]
        return "\n".join([f"**{self.caption}**", "", line(cells[0]), line(rule), *map(line, cells[1:])]) + "\n"


def _cell(value: str | float | None, missing: str = MISSING) -> str:
    if value is None or value != value:
        return missing
    if isinstance(value, str):
        return plain_text(value) or missing
    return str(value) if isinstance(value, int) else f"{value:.4g}"
