"""Bar charts as SVG, for light and dark backgrounds."""

from xml.sax.saxutils import escape

WIDTH, COLUMNS, GAP = 900, 3, 28
ROW, BAR = 26, 14
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
  .title { font-size: 13px; font-weight: 600; fill: #1f2328 }
  .value { fill: #1f2328 }
  .bar0 { fill: #0969da } .bar1 { fill: #8c959f } .bar2 { fill: #bf8700 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title, .value { fill: #e6edf3 }
    .bar0 { fill: #4493f8 } .bar1 { fill: #6e7681 } .bar2 { fill: #d29922 }
  }
"""


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chart(panels):
    """Returns an SVG of panels: a title, a unit, and bars with name and value."""
    label, value = 84, 54  # widths of a bar's name and value
    width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    height = 26 + ROW * max(len(bars) for _, _, bars in panels) + GAP
    parts, said = [], []
    for n, (title, unit, bars) in enumerate(panels):
        x, y = n % COLUMNS * (width + GAP), n // COLUMNS * height
        parts.append(f'<text class="title" x="{x:.1f}" y="{y + 14}">{escape(title)}, {unit}</text>')
        said.append(f"{title}: " + ", ".join(f"{name} {number(it)} {unit}" for name, it in bars))
        longest = max(it for _, it in bars)
        for row, (name, it) in enumerate(bars):
            top = y + 26 + row * ROW
            length = max((width - label - value) * it / longest, 1.5)
            parts += [
                f'<text x="{x:.1f}" y="{top + 11}">{escape(name)}</text>',
                f'<rect class="bar{row}" x="{x + label:.1f}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>',
                f'<text class="value" x="{x + label + length + 6:.1f}" y="{top + 11}">{number(it)}</text>',
            ]
    total = -(-len(panels) // COLUMNS) * height - GAP
    content = "\n".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" role="img">
<title>Benchmarks</title>
<desc>{escape(". ".join(said))}</desc>
<style>{STYLE}</style>
{content}
</svg>
"""
