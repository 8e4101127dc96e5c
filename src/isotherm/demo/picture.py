"""The picture: where every month lives, and what it costs before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ..cost.dollars import Size, monthly
from ..cost.prices import GB, PriceBook
from ..model.part import Inventory, Partition
from ..model.period import Period
from ..model.tier import HOT, STANDARD, TIERS, Tier

BAR = 40
"""Characters of the longest bar, where the terminal is wide enough."""
BESIDE_BAR = 58
"""Characters that stand beside the bar."""

COLOURS = {"hot": "203", "STANDARD": "214", "STANDARD_IA": "75", "GLACIER": "105"}
FILLS = {"hot": "█", "STANDARD": "▓", "STANDARD_IA": "▒", "GLACIER": "░"}
PLAIN = {"hot": "#", "STANDARD": "=", "STANDARD_IA": "-", "GLACIER": ":"}
BEFORE, PLAIN_BEFORE = "·", "."
TEN_TERABYTES = 10 * 2**40


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of the queries at the end has answered.

    Attributes:
        seconds: How long it took.

    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    seconds: float


@dataclass(frozen=True)
class Picture:
    """All that is drawn.

    Attributes:
        before: What was where while everything was in the warehouse.
        now: What is where at the end.

    """

    as_of: Period
    before: Inventory
    now: Inventory
    book: PriceBook
    answers: Sequence[Answer]

    @cached_property
    def row_bytes(self) -> float:
        """Bytes that a row took in the warehouse, measured while all of them were there.

        Rows that are still there count with as many: of a few rows, the blocks that DuckDB
        fills only in part would say more than the rows do.
        """
        rows = sum(hot.rows for hot in self.before.hot)
        return sum(hot.bytes for hot in self.before.hot) / max(1, rows)

    def bytes_before(self, period: Period) -> int:
        """Return what a month took in the warehouse."""
        return next((hot.bytes for hot in self.before.hot if hot.period == period), 0)

    def layers(self, partition: Partition) -> list[tuple[Tier, int]]:
        """Return the bytes of a month by tier, the coldest first."""
        sizes: dict[Tier, int] = {}
        for part in sorted(partition.parts, key=lambda p: -p.tier.rank):
            sizes[part.tier] = sizes.get(part.tier, 0) + part.bytes
        if partition.hot:
            sizes[HOT] = round(partition.hot.rows * self.row_bytes)
        return list(sizes.items())


@dataclass
class Share:
    """What one tier holds and costs."""

    months: int = 0
    rows: int = 0
    bytes: int = 0
    before: float = 0.0
    now: float = 0.0

    def __iadd__(self, other: Share) -> Share:
        self.months += other.months
        self.rows += other.rows
        self.bytes += other.bytes
        self.before += other.before
        self.now += other.now
        return self


def draw(console: Console, picture: Picture) -> None:
    """Draw the picture."""
    plain = not console.encoding.lower().startswith("utf")
    console.print()
    title = Text(f"Where every month of trips lives as of {picture.as_of}", style="bold")
    console.print(Rule(title, align="left", style="dim", characters="-" if plain else "━"))
    console.print()
    console.print(_months(picture, max(10, min(BAR, console.width - BESIDE_BAR)), plain))
    console.print()
    console.print(_legend(picture, plain))
    console.print()
    console.print(Padding(_dollars(picture), (0, 0, 0, 1)))
    console.print()
    console.print(_summary(picture))
    console.print()
    title = Text("Three queries, each over all four tiers at once", style="bold")
    console.print(Rule(title, align="left", style="dim", characters="-" if plain else "━"))
    console.print()
    console.print(Padding(_answers(picture.answers), (0, 0, 0, 1)))


def _months(picture: Picture, width: int, plain: bool) -> RenderableType:
    table = Table.grid(padding=(0, 1), pad_edge=True)
    for justify in ("left", "left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    heads = ("month", "", "rows", "size", "lives in")
    table.add_row(*(Text(head, style="dim") for head in heads))
    months = [(partition, picture.layers(partition)) for partition in picture.now]
    sizes = [sum(size for _, size in layers) for _, layers in months]
    scale = max([1, *sizes, *(hot.bytes for hot in picture.before.hot)]) / width
    for partition, layers in months:
        table.add_row(
            str(partition.period),
            _bar(layers, picture.bytes_before(partition.period), scale, plain),
            f"{partition.rows:,}",
            megabytes(sum(size for _, size in layers)),
            _whereabouts(partition),
        )
    return table


def _bar(layers: Sequence[tuple[Tier, int]], before: int, scale: float, plain: bool) -> Text:
    """Fill the bar by tier up to what the month takes now, and dot it to what it took before."""
    bar = Text()
    for tier, size in layers:
        cells = max(1, round(size / scale))
        fill = (PLAIN if plain else FILLS).get(tier.name, "#")
        bar.append(fill * cells, style=_style(tier))
    rest = round(before / scale) - len(bar)
    bar.append((PLAIN_BEFORE if plain else BEFORE) * rest, style="dim")
    return bar


def _whereabouts(partition: Partition) -> Text:
    text = Text(partition.tier.name, style=_style(partition.tier))
    if partition.late_rows:
        text.append(f" + {partition.late_rows} late", style=_style(HOT))
    until = [part.restored_until for part in partition.parts if part.restored_until]
    if until:
        text.append(f", readable to {min(until):%m-%d}", style=_style(STANDARD))
    return text


def _legend(picture: Picture, plain: bool) -> Text:
    fills = PLAIN if plain else FILLS
    text = Text(" " * 9)
    for tier in sorted({p.tier for p in picture.now} | {HOT}, key=lambda t: t.rank):
        text.append(f"{fills.get(tier.name, '#') * 3} {tier}   ", style=_style(tier))
    text.append((PLAIN_BEFORE if plain else BEFORE) * 3 + " saved")
    for ageless in picture.now.ageless:
        rows = "1 row never ages" if ageless.rows == 1 else f"{ageless.rows:,} rows never age"
        text.append(f"\n{' ' * 9}{rows}: {ageless.reason}", style="dim")
    return text


def _dollars(picture: Picture) -> RenderableType:
    shares = by_tier(picture)
    total = Share()
    table = Table.grid(padding=(0, 2))
    for number in range(7):
        table.add_column(justify="right" if number else "left", no_wrap=True)
    heads = ("tier", "months", "rows", "size", "$ all hot", "$ now", "")
    table.add_row(*(Text(head, style="bold") for head in heads))
    most = max((share.now for share in shares.values()), default=0.0)
    places = next((n for n in range(2, 9) if most * 10**n >= 100), 9)
    for tier, share in shares.items():
        total += share
        table.add_row(*_share(Text(tier, style=_style(TIERS.get(tier, STANDARD))), share, places))
    table.add_row(*(_share(Text("together", style="bold"), total, places)))
    return table


def _share(name: Text, share: Share, places: int) -> Iterator[Text]:
    yield name
    yield Text(f"{share.months or ''}")
    yield Text(f"{share.rows:,}" if share.rows else "")
    yield Text(megabytes(share.bytes))
    yield Text(f"{share.before:.{places}f}" if share.before else "-")
    yield Text(f"{share.now:.{places}f}")
    change = round(100 * (share.now / share.before - 1)) if share.before else None
    yield Text("" if change is None else f"{change:+d}%" if change else "0%", style="bold")


def by_tier(picture: Picture) -> dict[str, Share]:
    """Return what each tier holds and costs, the hottest first; restored copies stand apart."""
    book = picture.book
    shares: dict[str, Share] = {}
    for partition in sorted(picture.now, key=lambda p: (p.tier.rank, p.period)):
        share = shares.setdefault(partition.tier.name, Share())
        layers = picture.layers(partition)
        all_hot = monthly(book, HOT, Size(picture.bytes_before(partition.period)))
        hot = sum(monthly(book, HOT, Size(size)) for tier, size in layers if tier == HOT)
        cold = sum(monthly(book, part.tier, Size(part.bytes)) for part in partition.parts)
        size = sum(size for _, size in layers)
        share += Share(1, partition.rows, size, all_hot, hot + cold)
    copies = [part.bytes for part in picture.now.parts if part.restored]
    if copies:
        cost = monthly(book, STANDARD, Size(sum(copies), len(copies)))
        shares["restored copies"] = Share(bytes=sum(copies), now=cost)
    return shares


def _summary(picture: Picture) -> Text:
    before = sum(share.before for share in by_tier(picture).values())
    now = sum(share.now for share in by_tier(picture).values())
    if not before:
        return Text()
    large = TEN_TERABYTES / GB * picture.book.hot
    return Text.assemble(
        (f" Dollars a month; a row in the warehouse takes {picture.row_bytes:.0f} bytes.\n", "dim"),
        " The same months at 10 TB: ",
        (f"${large:,.0f}", "bold"),
        " a month all hot, ",
        (f"${large * now / before:,.0f}", "bold"),
        " as they lie now.",
    )


def _answers(answers: Sequence[Answer]) -> RenderableType:
    grid = Table.grid(padding=(0, 4))
    for _ in answers:
        grid.add_column()
    grid.add_row(*(Text(answer.title, style="bold") for answer in answers))
    grid.add_row(*(_rows(answer) for answer in answers))
    grid.add_row(*(Text(f"in {a.seconds * 1000:.0f} ms", style="dim") for a in answers))
    return grid


def _rows(answer: Answer) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for number in range(len(answer.columns)):
        table.add_column(justify="right" if number else "left", no_wrap=True)
    table.add_row(*(Text(column, style="dim") for column in answer.columns))
    for row in answer.rows:
        table.add_row(*(Text(value) for value in row))
    return table


def megabytes(size: int) -> str:
    """Write bytes as megabytes, so that a column of them can be compared."""
    return f"{size / 2**20:.2f} MB"


def _style(tier: Tier) -> str:
    return f"color({COLOURS.get(tier.name, '250')})"
