"""The whole story at the command line: on generated trips and, where they are, on real ones.

Every answer is held against DuckDB's own reading of the files.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from own_reading import OwnReading, Trips

from command_line import CommandLine, edit, words, written
from isotherm.demo.trips import AS_OF, write_trips
from servers import S3Server
from turns import in_turn

ARCHIVED, STALE, REQUEST = 5, 7, 13
POLICY = {"STANDARD": 6, "STANDARD_IA": 12, "GLACIER": 15}


def generated(folder: Path) -> Trips:
    files = write_trips(folder, 9_000)
    return Trips(tuple(files), "pickup_datetime", str(AS_OF), "2018-09", "2018-02")


def yellow(data: Path) -> Trips:
    files = tuple(sorted((data / "tlc" / "yellow").glob("*.csv")))
    return Trips(files, "pickup_datetime", "2020-01", "2019-04", "2018-05")


def green(data: Path) -> Trips:
    files = tuple(sorted((data / "tlc" / "green").glob("*.parquet")))
    return Trips(files, "lpep_pickup_datetime", "2023-09", "2023-02", "2022-01")


class Story:
    """A lake in the current folder, and what is known of it without it."""

    def __init__(
        self,
        command: CommandLine,
        trips: Trips,
        own: OwnReading,
        store: Store,
        warehouse: str,
    ) -> None:
        self.command = command
        self.store = store
        self.warehouse = warehouse
        self.trips = trips
        self.own = own
        self.policy = dict(POLICY)
        self.as_of = ("--as-of", trips.as_of)
        self.even = ("--even-if-uneconomic",)

    @property
    def is_local(self) -> bool:
        """Whether there is no server in it."""
        return self.warehouse.startswith("duckdb") and self.store.url.startswith("file")

    def due(self, month: str) -> str:
        """Return the tier that the policy wants a month in, by counting months on one's fingers."""
        age = _months(self.trips.as_of) - _months(month)
        due = [tier for tier, least in self.policy.items() if age >= least]
        return due[-1] if due else "hot"

    def tiers(self) -> dict[str, str]:
        """Return the tier that each month should be in."""
        return {month: self.due(month) for month in self.own.months()}

    def archived(self) -> list[str]:
        return [month for month, tier in self.tiers().items() if tier == "GLACIER"]

    def readable(self) -> str:
        """Return the condition for all months from the first that is not archived."""
        first = min(month for month, tier in self.tiers().items() if tier != "GLACIER")
        return f"{self.own.clock} >= '{first}-01'"

    def check(self, condition: str = "true", *options: str) -> None:
        """Check that count and checksum of some rows are what DuckDB reads itself."""
        assert self.command.rows(self.own.question(condition), *options) == self.own.answer(
            condition
        )

    def check_but_archived(self) -> None:
        """Check all rows but those of the archive; late rows behind it are still hot."""
        left_out = ", ".join(f"'{month}'" for month in self.archived())
        seen = f"late OR strftime({self.own.clock}, '%Y-%m') NOT IN ({left_out})"
        found = self.command.rows(self.own.question(), "--archived", "skip")
        assert found == self.own.answer(seen)

    def apply(self, *options: str) -> None:
        """Apply what is due, and check that nothing is left to do."""
        self.command("apply", *self.as_of, *self.even, "--yes", *options)
        assert self.command.moves(*self.as_of, *self.even) == []


@dataclass(frozen=True)
class Store:
    """Where the objects go.

    Attributes:
        months: Returns the months of which a class has objects, asked of the store itself.
        acts: Whether its own lifecycle rules move objects.

    """

    url: str
    months: Callable[[str], set[str]]
    acts: bool = False


def in_folder() -> Store:
    return Store(
        "file:objects",
        lambda tier: {Path(name).parts[1] for name in written(f"objects/{tier}")},
    )


def on_s3(server: S3Server) -> Store:
    bucket, client = server.bucket(), server.client()

    def months(tier: str) -> set[str]:
        found = client.list_objects_v2(Bucket=bucket, Prefix="lake/").get("Contents", [])
        keys = [item["Key"] for item in found if "/trips/20" in item["Key"]]
        heads = {key: client.head_object(Bucket=bucket, Key=key) for key in keys}
        return {
            key.split("/")[-2]
            for key, head in heads.items()
            if head.get("StorageClass", "STANDARD") == tier
        }

    return Store(server.url(bucket), months, acts=server.name == "rgw")


@pytest.fixture(
    params=[
        "generated",
        *in_turn(
            (
                "yellow",
                "generated on rgw",
                "yellow in postgres",
                "green",
                "generated on moto in postgres",
            ),
            5,
        ),
    ]
)
def story(
    request: pytest.FixtureRequest, command: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    scratch = tmp_path_factory.mktemp("scratch")
    what, _, database = request.param.partition(" in ")
    kind, _, server = what.partition(" on ")
    if kind == "generated":
        trips = generated(Path("files"))
    else:
        data = request.getfixturevalue("shared_data")
        trips = yellow(data) if kind == "yellow" else green(data)
    store = on_s3(request.getfixturevalue("s3_server")(server)) if server else in_folder()
    warehouse = "duckdb:warehouse.duckdb"
    if database:
        warehouse = request.getfixturevalue(database).database()
    return Story(command, trips, OwnReading(trips, scratch), store, warehouse)


def test_the_story_of_trips_from_hot_to_archived_and_back(story: Story) -> None:
    set_up(story)
    load(story)
    see_what_is_due(story)
    cool_down(story)
    be_refused_the_archive(story)
    take_late_rows(story)
    restore(story)
    change_the_policy(story)
    expire(story)
    look_back(story)
    if story.store.acts:
        leave_it_to_the_bucket(story)


def set_up(story: Story) -> None:
    options = ("--clock", story.trips.clock, "--storage", story.store.url)
    options += ("--warehouse", story.warehouse)
    words(story.command("init", *options).err, ["isotherm.toml"])
    edit("# earliest = 2009-01-01", "earliest = 2010-01-01")


def load(story: Story) -> None:
    files = [str(file) for file in story.trips.files]
    loaded = story.command("load", "trips", *files, "--format", "json").json
    assert loaded["version"] == 1
    assert len(loaded["files"]) == len(files)
    assert not any(item["quarantined"] for item in loaded["files"])
    story.check()
    copy = Path("another_name" + story.trips.files[0].suffix)
    copy.write_bytes(story.trips.files[0].read_bytes())
    words(story.command("load", "trips", str(copy)).out, [copy.name, "skipped"])
    story.check()


def see_what_is_due(story: Story) -> None:
    lines = story.command.partitions(*story.as_of)
    assert {month: line["rows"] for month, line in lines.items()} == story.own.months()
    assert {month: line["due"] for month, line in lines.items()} == story.tiers()
    assert {line["tier"] for line in lines.values()} == {"hot"}
    early = story.own.answer(f"{story.own.clock} < '2010-01-01'")[0][0]
    ageless = story.command("status", "trips", "--format", "json").json["datasets"][0]["ageless"]
    assert sum(item["rows"] for item in ageless) == early
    plan = story.command("plan", "trips", *story.as_of)
    if story.warehouse.startswith("duckdb"):  # PostgreSQL's rows take more room: it pays sooner
        words(plan.flat, ["due and refused", "it never pays", "months"])
    planned = story.command.moves(*story.as_of, *story.even)
    assert planned == [
        ("unload", (month,), tier) for month, tier in story.tiers().items() if tier != "hot"
    ]
    story.command("plan", *story.as_of, *story.even, "--detailed-exitcode", code=2)


def cool_down(story: Story) -> None:
    story.apply()
    assert story.command.tiers() == story.tiers()
    for tier in ("STANDARD", "STANDARD_IA", "GLACIER"):
        assert story.store.months(tier) == {
            month for month, due in story.tiers().items() if due == tier
        }
    hot = [month for month, tier in story.tiers().items() if tier == "hot"]
    early = story.own.answer(f"{story.own.clock} < '2010-01-01'")[0][0]
    expected = sum(story.own.months()[month] for month in hot) + early
    assert story.command.rows("select count(*) from hot.trips") == [(expected,)]
    again = story.command("apply", *story.as_of, *story.even, "--yes")
    words(again.out, ["nothing is due"])
    story.command("plan", *story.as_of, *story.even, "--detailed-exitcode", code=0)
    story.check(story.readable())


def be_refused_the_archive(story: Story) -> None:
    first, last = min(story.archived()), max(story.archived())
    refused = story.command("sql", story.own.question(), code=ARCHIVED)
    words(refused.err, ["archived", first, last, "$", "isotherm restore trips", "--archived skip"])
    assert not refused.out
    skipped = story.command("sql", story.own.question(), "--archived", "skip")
    words(skipped.err, ["left out", first, last])
    story.check_but_archived()


def take_late_rows(story: Story) -> None:
    suffix = story.trips.files[0].suffix
    for month, rows in ((story.trips.late, 30), (story.trips.buried, 7)):
        file = Path(f"late_{month}{suffix}")
        story.own.come_late(month, rows, file)
        story.command("load", "trips", str(file))
    story.check(story.readable())
    lines = story.command.partitions(*story.as_of)
    assert lines[story.trips.late]["late_rows"] == 30
    assert lines[story.trips.buried]["late_rows"] == 7
    assert story.command.moves(*story.as_of) == [("append", (story.trips.late,), "STANDARD")]
    story.command("apply", *story.as_of, "--yes")
    lines = story.command.partitions(*story.as_of)
    assert lines[story.trips.late]["late_rows"] == 0
    assert lines[story.trips.buried]["late_rows"] == 7
    story.check(story.readable())
    story.check_but_archived()


def restore(story: Story) -> None:
    month = story.trips.buried
    one = ("restore", "trips", month, "--for", "7d", "--format", "json")
    quote = story.command(*one, "--quote").json
    assert (quote["version"], quote["done"], quote["periods"]) == (1, False, [month])
    assert quote["dollars"] > 0
    assert quote["hours"] == [3, 5]
    story.check_but_archived()
    assert story.command(*one, "--yes").json["done"]
    story.check(_within(story.own.clock, month))
    again = story.command(*one, "--yes").json
    assert again["done"]
    assert again["dollars"] < quote["dollars"] / 1000  # some seconds longer, fetched no more
    everything = f"{min(story.archived())}..{max(story.archived())}"
    story.command("restore", "trips", everything, "--for", "7d", "--yes")
    story.check()
    later = f"{datetime.now() + timedelta(days=40):%Y-%m-%d}"
    plan = story.command("plan", "--as-of", later, *story.even, "--format", "json").json
    ends = [m for m in plan["moves"] if m["source"] == m["target"] == "GLACIER"]
    assert [m["periods"] for m in ends] == [[month] for month in story.archived()]
    assert all("is over" in m["reason"] for m in ends)
    assert not [m for m in story.command.moves(*story.as_of) if m[0] == "retier"]


def change_the_policy(story: Story) -> None:
    changes = (
        {"STANDARD": 9, "STANDARD_IA": 13, "GLACIER": 17},
        {"STANDARD": 9, "STANDARD_IA": 13},
        POLICY,
    )
    # On a server it is the same, and takes many times as long: there, one other, and back.
    for policy in changes if story.is_local else changes[1:]:
        before = story.tiers()
        rewrite_policy(story, policy)
        moved = {month for month, tier in story.tiers().items() if tier != before[month]}
        planned = story.command.moves(*story.as_of, *story.even)
        assert {month for _, months, _ in planned for month in months} >= moved
        settle(story)
        assert story.command.tiers() == story.tiers()
        story.check(story.readable())


def rewrite_policy(story: Story, policy: dict[str, int], expire: int = 144) -> None:
    """Write another policy into the config, as with an editor."""
    text = Path("isotherm.toml").read_text(encoding="utf-8")
    head, section, _ = text.partition("[datasets.trips.policy]")
    lines = [f'{tier} = "{months} months"' for tier, months in policy.items()]
    lines.append(f'expire = "{expire} months"')
    Path("isotherm.toml").write_text(head + section + "\n" + "\n".join(lines) + "\n")
    story.policy = dict(policy)


def settle(story: Story) -> None:
    """Apply until nothing is due: late rows follow when their month is out of the archive."""
    for _ in range(3):
        story.command("apply", *story.as_of, *story.even, "--yes")
        if not story.command.moves(*story.as_of, *story.even):
            return
    raise AssertionError(f"still due: {story.command.moves(*story.as_of, *story.even)}")


def expire(story: Story) -> None:
    rewrite_policy(story, POLICY, expire=16)
    gone = [m for m in story.own.months() if _months(story.trips.as_of) - _months(m) >= 16]
    assert gone
    plan = story.command("plan", *story.as_of)
    words(plan.flat, [f"{len(gone)} expire", "apply --expire"])
    left = story.command("apply", *story.as_of, "--yes", "--format", "json").json["left"]
    assert len(left) == len(gone)
    assert set(gone) <= set(story.command.tiers())
    story.command("apply", *story.as_of, "--yes", "--expire")
    story.own.forget(gone)
    assert story.command.tiers() == story.tiers()
    rewrite_policy(story, {"STANDARD": 6}, expire=144)
    settle(story)
    story.check()
    rewrite_policy(story, {"STANDARD": 6}, expire=16)
    late_rows_of_an_expired_month(story, gone[-1])


def late_rows_of_an_expired_month(story: Story, month: str) -> None:
    file = Path("expired.csv")
    file.write_text(f"{story.own.clock}\n{month}-15 12:00:00\n{month}-16 12:00:00\n")
    story.command("load", "trips", str(file))
    line = story.command.partitions(*story.as_of)[month]
    assert (line["rows"], line["due"]) == (2, "expired")
    story.command("apply", *story.as_of, "--yes")
    assert story.command.partitions(*story.as_of)[month]["rows"] == 2
    story.command("apply", *story.as_of, "--yes", "--expire")
    assert month not in story.command.partitions()
    story.check()


def look_back(story: Story) -> None:
    entries = story.command("journal", "trips", "--limit", "10000", "--format", "json").json
    assert entries["version"] == 1
    done = [entry for entry in entries["entries"] if entry["event"] == "done"]
    kinds = {entry["detail"]["move"].split()[0] for entry in done}
    assert kinds == {"unload", "append", "restore", "retier", "reload", "expire"}
    verified = story.command("journal", "--verify", "--format", "json").json
    assert len(verified["head"]) == 64
    month = story.trips.late
    explained = story.command("explain", "trips", month, *story.as_of, "--format", "json").json
    assert (explained["version"], explained["tier"], explained["rule"]) == (
        1,
        "STANDARD",
        'STANDARD = "6 months"',
    )
    assert explained["last_move"]


def leave_it_to_the_bucket(story: Story) -> None:
    """Have the bucket's own rules archive what is due, and look at the objects themselves."""
    file = Path("isotherm.toml")
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"^(clock = .*)$", r'\1\ntransition = "lifecycle"', text, flags=re.M)
    short = '[settings]\ngrace = "8 seconds"\nquery_timeout = "5 seconds"'
    text = text.replace("[settings]", short)
    file.write_text(text, encoding="utf-8")
    story.command("lifecycle", "apply", "--yes")
    rewrite_policy(story, {"STANDARD": 6, "GLACIER": 12})
    due = set(story.archived())
    assert due
    settle(story)
    assert {month for month, tier in story.command.tiers().items() if tier == "GLACIER"} == due
    end = time.monotonic() + 60
    while not due <= story.store.months("GLACIER"):
        assert time.monotonic() < end
        story.command("apply", *story.as_of, *story.even, "--yes")  # tags, once the grace is over
    assert not any(line["on_s3"] for line in story.command.partitions(*story.as_of).values())
    story.check_but_archived()


def _months(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number)


def _within(clock: str, month: str) -> str:
    return f"date_trunc('month', {clock}) = '{month}-01'"
