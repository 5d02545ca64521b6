"""Draws accuracy by labels as SVG, with a panel for each task. The drawing has its own background,
so that it can be read on any page."""

import math

from arms import ADAPT, WIDTHS
from paired import estimate

SIZE = 960, 440
LEFT, TOP, WIDE, HIGH = 60, 72, 290, 290
APART = 475  # from one panel to the next
LINE = 16  # between two labels
TITLES = {
    "clothes": "clothes: the other five classes of Fashion-MNIST",
    "digits": "digits: a different data set, scanned handwriting",
}
# A colour for each width; pretrained arms are drawn through, fresh ones dashed.
COLORS = dict(zip(WIDTHS, ("#b45309", "#15803d", "#1d4ed8"), strict=True))
COLOR = {arm: COLORS[width] for width, pair in WIDTHS.items() for arm in pair}
NOTE = "Accuracy in % on test images; solid: pretrained weights; dashed: fresh weights; bands: 95 % intervals of the mean"


class Panel:
    """The coordinates of one task's panel."""

    def __init__(self, left, labels, lowest):
        self.left, self.labels = left, labels
        self.floor = 10 * math.floor(lowest / 10)

    def x(self, labels):
        first, last = math.log(self.labels[0]), math.log(self.labels[-1])
        return self.left + WIDE * (math.log(labels) - first) / (last - first)

    def y(self, percent):
        return TOP + HIGH * (100 - percent) / (100 - self.floor)

    def line(self, values):
        return " ".join(f"{self.x(labels):.1f},{self.y(value):.1f}" for labels, value in zip(self.labels, values, strict=True))

    def axes(self):
        right, bottom = self.left + WIDE, TOP + HIGH
        for percent in range(self.floor, 101, 10):
            y = self.y(percent)
            yield f'<line x1="{self.left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>'
            yield text(self.left - 8, y + 4, percent, anchor="end")
        for labels in self.labels:
            x = self.x(labels)
            yield f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}" stroke="#555"/>'
            yield text(x, bottom + 20, labels, anchor="middle")
        yield f'<line x1="{self.left}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="#555"/>'
        yield text(self.left + WIDE / 2, bottom + 40, "labelled images of each class", anchor="middle")


def figure(results, labels):
    width, height = SIZE
    tasks = dict.fromkeys(name for name, _, _ in results)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12.5">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for place, name in enumerate(tasks):
        curves = {arm: [estimate(results[name, arm, count]) for count in labels] for arm in COLOR}
        parts += panel(name, LEFT + place * APART, labels, curves)
    parts += [text(LEFT - 40, height - 14, NOTE, color="#555"), "</svg>"]
    return "\n".join(parts) + "\n"


def panel(name, left, labels, curves):
    lowest = min(point.mean - point.half for curve in curves.values() for point in curve)
    at = Panel(left, labels, lowest)
    yield text(left, TOP - 40, TITLES[name], color="#1d3527", weight="bold", size=14)
    yield from at.axes()
    for arm, curve in curves.items():
        low = at.line(point.mean - point.half for point in curve).split()
        high = at.line(min(100, point.mean + point.half) for point in curve)
        yield f'<polygon points="{high} {" ".join(reversed(low))}" fill="{COLOR[arm]}" opacity="0.13"/>'
    for arm, curve in curves.items():
        dashes = "" if arm in ADAPT else ' stroke-dasharray="6 4"'
        points = at.line(point.mean for point in curve)
        yield f'<polyline points="{points}" fill="none" stroke="{COLOR[arm]}" stroke-width="2"{dashes}/>'
    ends = {arm: at.y(curve[-1].mean) for arm, curve in curves.items()}
    right = left + WIDE
    for arm, y in spread(ends).items():
        yield f'<path d="M{right + 2} {ends[arm]:.1f} L{right + 16} {y:.1f}" stroke="{COLOR[arm]}" fill="none"/>'
        yield text(right + 20, y + 4, arm, color=COLOR[arm])


def spread(places):
    """The places in the same order, moved as little as possible so that a line of text fits at
    each."""
    order = sorted(places, key=places.get)
    # Labels that would touch form a group, centred at the mean of their places.
    groups = []
    for name in order:
        groups.append([name])
        while len(groups) > 1 and top(groups[-1], places) < bottom(groups[-2], places) + LINE:
            last = groups.pop()
            groups[-1] += last
    return {name: top(group, places) + LINE * row for group in groups for row, name in enumerate(group)}


def top(group, places):
    middle = sum(places[name] for name in group) / len(group)
    return middle - LINE * (len(group) - 1) / 2


def bottom(group, places):
    return top(group, places) + LINE * (len(group) - 1)


def text(x, y, content, color="#333", anchor="start", weight="normal", size=12.5):
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{color}"'
    look = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}"'
    return f"<text {place} {look}>{content}</text>"
