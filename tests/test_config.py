"""`isotherm.toml`: what is right is read, and every mistake is answered with what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isotherm.cli.template import template
from isotherm.config import Config, read
from isotherm.config.reading import checked
from isotherm.model.dataset import TableName
from isotherm.model.errors import ConfigError
from isotherm.model.period import Duration, Unit
from isotherm.model.tier import CLASSES, TIERS

TRIPS = '[datasets.trips]\ntable = "public.trips"\nclock = "pickup"\n'
POLICY = TRIPS + "[datasets.trips.policy]\n"

Read = Callable[[str], Config]
Fail = Callable[[str], ConfigError]


@pytest.fixture
def config(tmp_path: Path) -> Read:
    def make(text: str) -> Config:
        file = tmp_path / "isotherm.toml"
        file.write_text(text, encoding="utf-8")
        return read(file)

    return make


@pytest.fixture
def mistake(config: Read) -> Fail:
    def make(text: str) -> ConfigError:
        with pytest.raises(ConfigError) as error:
            config(text)
        return error.value

    return make


# -- what is right


def test_an_empty_file_is_a_lake_without_datasets(config: Read, tmp_path: Path) -> None:
    found = config("")
    assert found.datasets == {}
    assert found.folder == tmp_path
    assert found.warehouse.url == "duckdb:warehouse.duckdb"


def test_what_init_writes_is_right(config: Read) -> None:
    trips = config(template()).dataset("trips")
    assert [str(rule) for rule in trips.policy.rules] == [
        'STANDARD = "6 months"',
        'STANDARD_IA = "12 months"',
        'GLACIER = "15 months"',
        'expire = "12 years"',
    ]


def test_every_key_of_a_dataset_is_read(config: Read) -> None:
    found = config(
        """
        [datasets.trips]
        table = "public.greentaxi"
        clock = "pickup"
        period = "day"
        subject = "rider_id"
        earliest = 2009-01-01
        latest = 2030-01-01T00:00:00+02:00
        settle = "7 days"
        order_by = ["pickup", "id"]
        append_min_rows = 1000
        append_max_age = "2 weeks"
        cast = { note = "VARCHAR" }
        renamed = { old = "new" }
        dropped = ["gone"]
        policy = { expire = "2 years", STANDARD = "30 days" }
        """
    ).dataset("trips")
    assert found.table == TableName("public", "greentaxi")
    assert (found.clock, found.unit, found.subject) == ("pickup", Unit.DAY, ("rider_id",))
    assert found.earliest == datetime(2009, 1, 1)
    assert found.latest == datetime(2029, 12, 31, 22)
    assert found.settle == Duration(seconds=7 * 86_400)
    assert found.order_by == ("pickup", "id")
    assert (found.append_min_rows, found.append_max_age) == (1_000, Duration(seconds=14 * 86_400))
    assert (found.cast, found.renamed, found.dropped) == (
        {"note": "VARCHAR"},
        {"old": "new"},
        ("gone",),
    )
    assert [rule.tier.name for rule in found.policy.rules] == ["STANDARD", "expired"]


def test_a_dataset_without_a_policy_stays_hot(config: Read) -> None:
    assert config(TRIPS).dataset("trips").policy.rules == ()


def test_a_table_without_a_schema_is_in_main(config: Read) -> None:
    found = config('[datasets.trips]\ntable = "trips"\nclock = "pickup"\n')
    assert found.dataset("trips").table == TableName("main", "trips")


def test_a_file_with_a_byte_order_mark_is_read(config: Read) -> None:
    assert config("\ufeff" + TRIPS).dataset("trips").clock == "pickup"


def test_a_short_grace_shortens_the_time_of_queries(config: Read) -> None:
    settings = config('[settings]\ngrace = "10 minutes"').settings
    assert settings.query_timeout == Duration(seconds=300)


@given(st.permutations(sorted(CLASSES, key=lambda name: TIERS[name].rank)))
def test_the_order_of_the_lines_of_a_policy_does_not_matter(names: list[str]) -> None:
    policy = {name: f"{TIERS[name].rank} months" for name in names}
    trips = {"table": "trips", "clock": "pickup", "policy": policy}
    rules = checked(Path("isotherm.toml"), {"datasets": {"t": trips}}).dataset("t").policy.rules
    assert [rule.tier.rank for rule in rules] == sorted(rule.tier.rank for rule in rules)


# -- what is wrong

MISTAKES = {
    "an unknown section": (
        "[dataset.trips]",
        "dataset: unknown section 'dataset'",
        "Did you mean datasets?",
    ),
    "an unknown key of a section": (
        '[settings]\nmemry = "1GB"',
        "settings.memry: unknown key 'memry' (known: grace, query_timeout",
        "Did you mean memory?",
    ),
    "an unknown key of a dataset": (
        TRIPS + 'perid = "day"',
        "datasets.trips.perid: unknown key 'perid' (known: table, clock, clock_unit, period",
        "Did you mean period?",
    ),
    "a required key that is written wrong": (
        '[datasets.trips]\ntable = "trips"\nclok = "pickup"',
        "datasets.trips.clok: unknown key 'clok'",
        "Did you mean clock?",
    ),
    "a required key that is missing": (
        '[datasets.trips]\ntable = "trips"',
        "datasets.trips.clock: this key is missing",
        'Write: clock = "pickup"',
    ),
    "an unknown class": (
        POLICY + 'STANDRD = "6 months"',
        "datasets.trips.policy.STANDRD: unknown tier 'STANDRD' (known: STANDARD, INTELLIGENT",
        "Did you mean STANDARD?",
    ),
    "a class in small letters": (
        POLICY + 'glacier = "6 months"',
        "unknown tier 'glacier'",
        "Did you mean GLACIER?",
    ),
    "expire in other words": (
        POLICY + 'expired = "6 months"',
        "unknown tier 'expired'",
        "Did you mean expire?",
    ),
    "hot as a tier of the policy": (
        POLICY + 'hot = "6 months"',
        "unknown tier 'hot'",
        "Rows are hot until they reach the first age.",
    ),
    "a colder tier with a lesser age": (
        POLICY + 'STANDARD = "6 months"\nGLACIER = "3 months"',
        'datasets.trips.policy: found GLACIER = "3 months", which comes no later than '
        'STANDARD = "6 months"',
        "GLACIER is colder than STANDARD: give it the greater age.",
    ),
    "two tiers at the same age": (
        POLICY + 'STANDARD = "12 months"\nSTANDARD_IA = "1 year"',
        "comes no later than",
        "give it the greater age",
    ),
    "a month that may be shorter than the days before it": (
        TRIPS + 'period = "day"\npolicy = { STANDARD = "30 days", GLACIER = "1 month" }',
        'GLACIER = "1 month", which comes no later than STANDARD = "30 days"',
        "give it the greater age",
    ),
    "an end before the last tier": (
        POLICY + 'GLACIER = "2 years"\nexpire = "1 year"',
        'found expire = "12 months", which comes no later than GLACIER = "2 years"',
        "give it the greater age",
    ),
    "an age finer than the period": (
        POLICY + 'STANDARD = "45 days"',
        'datasets.trips.policy.STANDARD: found "45 days"; it is finer than the period, a month',
        'Write "1 month", or period = "day".',
    ),
    "hours for a period of days": (
        TRIPS + 'period = "day"\npolicy = { STANDARD = "36 hours" }',
        'found "36 hours"; it is finer than the period, a day',
        'Write "2 days", or period = "hour".',
    ),
    "minutes that are meant as months": (
        POLICY + 'STANDARD = "6m"',
        'found "6 minutes"; it is finer than the period',
        'm is for minutes: write "6 months".',
    ),
    "an age of zero": (
        POLICY + 'STANDARD = "0 months"',
        'found "0 months"; a duration of zero would act at once; write "1 month" or more',
        "",
    ),
    "a negative age": (
        POLICY + 'STANDARD = "-6 months"',
        'found "-6 months"; write 6 months, 12 years, 7 days or 36 hours',
        "",
    ),
    "an age without its unit": (
        POLICY + "STANDARD = 6",
        'datasets.trips.policy.STANDARD: found 6; write a duration in quotes, as "6 months"',
        "",
    ),
    "a policy that is no section": (
        TRIPS + 'policy = "6 months"',
        'datasets.trips.policy: found "6 months"; write a section: [datasets.trips.policy]',
        "",
    ),
    "a dataset that is no section": (
        "datasets.trips = 5",
        "datasets.trips: found 5; write a section: [datasets.trips]",
        "",
    ),
    "a list of datasets": (
        '[[datasets]]\nname = "trips"',
        "datasets: found [a section with name]; write a section: [datasets]",
        "",
    ),
    "an unknown period": (
        TRIPS + 'period = "monthly"',
        'datasets.trips.period: found "monthly"; write month, day or hour. Did you mean month?',
        "",
    ),
    "a table of three names": (
        '[datasets.trips]\ntable = "a.b.c"\nclock = "pickup"',
        'datasets.trips.table: found "a.b.c"; write "table" or "schema.table"',
        "",
    ),
    "a table without quotes": (
        '[datasets.trips]\ntable = public.trips\nclock = "pickup"',
        "line 2, column 9 is no TOML: Invalid value: table = public.trips",
        "Text stands in quotes",
    ),
    "a table that is a number": (
        '[datasets.trips]\ntable = 5\nclock = "pickup"',
        "datasets.trips.table: found 5; write text in quotes",
        "",
    ),
    "an empty clock": (
        '[datasets.trips]\ntable = "trips"\nclock = ""',
        'datasets.trips.clock: found ""; write the name of a column in quotes',
        "",
    ),
    "earliest in quotes": (
        TRIPS + 'earliest = "2012-05-01"',
        'found "2012-05-01"; write a date without quotes: 2012-05-01',
        "",
    ),
    "earliest as a time of day": (
        TRIPS + "earliest = 07:30:00",
        "found 07:30:00; write a date without quotes: 2009-01-01",
        "",
    ),
    "earliest before all years": (
        TRIPS + "earliest = 0001-01-01T00:00:00+05:00",
        "in UTC it lies outside the years 1 to 9999",
        "",
    ),
    "latest before earliest": (
        TRIPS + "earliest = 2009-01-01\nlatest = 2008-01-01",
        "datasets.trips.latest: found 2008-01-01T00:00:00; no row can lie between it and earliest",
        "",
    ),
    "columns in one text": (
        TRIPS + 'order_by = "pickup, id"',
        'found "pickup, id"; write a list of columns, as ["pickup", "id"]',
        "",
    ),
    "a direction of sorting": (
        TRIPS + 'order_by = ["pickup desc"]',
        'rows are sorted upwards; write the column alone: "pickup"',
        "",
    ),
    "a column twice": (TRIPS + 'subject = ["a", "a"]', "a stands there twice", ""),
    "a column that is a number": (
        TRIPS + "order_by = [1]",
        'found [1]; write the name of a column in quotes, as "pickup"',
        "",
    ),
    "a number in quotes": (
        TRIPS + 'append_min_rows = "5"',
        'datasets.trips.append_min_rows: found "5"; write a whole number, without quotes',
        "",
    ),
    "a number that is too small": (
        TRIPS + "append_min_rows = 0",
        "datasets.trips.append_min_rows: found 0; write 1 or more",
        "",
    ),
    "a number with a fraction": (
        TRIPS + "append_min_rows = 1.5",
        "found 1.5; write a whole number, without quotes",
        "",
    ),
    "a negative settle": (
        TRIPS + 'settle = "-1 day"',
        'datasets.trips.settle: found "-1 day"; write 6 months, 12 years, 7 days or 36 hours',
        "",
    ),
    "a cast to what does not survive": (
        TRIPS + 'cast = { note = "JSON" }',
        "datasets.trips.cast: found a section with note; note cannot be kept as JSON; write",
        "",
    ),
    "a cast of the clock": (
        TRIPS + 'cast = { pickup = "VARCHAR" }',
        'datasets.trips.cast.pickup: found "VARCHAR"; the clock is kept as it is',
        "",
    ),
    "a dropped clock": (
        TRIPS + 'dropped = ["pickup"]',
        "pickup is the clock; a dataset cannot do without it",
        "",
    ),
    "a column both renamed and dropped": (
        TRIPS + 'dropped = ["a"]\nrenamed = { a = "b" }',
        "a is in renamed too",
        "",
    ),
    "a warehouse without its scheme": (
        '[warehouse]\nurl = "warehouse.db"',
        'warehouse.url: found "warehouse.db"; write "duckdb:warehouse.db"',
        "",
    ),
    "a warehouse that is not built yet": (
        '[warehouse]\nurl = "redshift://host/db"',
        'this version knows duckdb: and postgresql: alone; write "duckdb:PATH"',
        "",
    ),
    "a warehouse on PostgreSQL without a database": (
        '[warehouse]\nurl = "postgresql://host"',
        'write "postgresql://user@host:5432/database"',
        "",
    ),
    "rules of a bucket for a store of folders": (
        '[datasets.trips]\ntable = "t"\nclock = "c"\ntransition = "lifecycle"',
        "lifecycle rules are a bucket's; a store of folders has none",
        "",
    ),
    "a warehouse in memory": (
        '[warehouse]\nurl = "duckdb::memory:"',
        'what is in memory would be lost; write "duckdb:PATH"',
        "",
    ),
    "a store that is not built yet": (
        '[storage]\nurl = "gs://bucket"',
        'storage.url: found "gs://bucket"; this version knows file: and s3: alone',
        "",
    ),
    "a bucket that cannot be": (
        '[storage]\nurl = "s3://My_Bucket/lake"',
        'write "s3://bucket/prefix"; a bucket has 3 to 63 of a-z 0-9 . -',
        "",
    ),
    "a setting of S3 that there is not": (
        '[storage]\nurl = "s3://bucket/lake?zone=eu-west-1"',
        "zone: after the ? there may be endpoint, region, profile",
        "",
    ),
    "an endpoint without its protocol": (
        '[storage]\nurl = "s3://bucket/lake?endpoint=localhost:9000"',
        'write the endpoint as "http://host:port"',
        "",
    ),
    "a prefix that no URL can hold": (
        '[storage]\nurl = "s3://bucket/my lake"',
        "a prefix has letters, digits and",
        "",
    ),
    "folders for the classes of S3": (
        '[storage]\nurl = "s3://bucket/lake"\n[storage.tiers]\nGLACIER = "/mnt/tape"',
        "folders of tiers are for a store of folders; S3 has classes",
        "",
    ),
    "an empty url": ('[catalog]\nurl = ""', 'catalog.url: found ""; this version knows', ""),
    "a url without a path": ('[storage]\nurl = "file://"', 'write "file:PATH"', ""),
    "a folder for an unknown tier": (
        '[storage.tiers]\nglacier = "/mnt/tape"',
        "storage.tiers.glacier: unknown tier 'glacier'",
        "Did you mean GLACIER?",
    ),
    "one folder for two tiers": (
        '[storage.tiers]\nGLACIER = "tape"\nDEEP_ARCHIVE = "./tape"',
        'storage.tiers.DEEP_ARCHIVE: found "./tape"; this is the folder of GLACIER already',
        "",
    ),
    "an empty folder": ('[storage.tiers]\nGLACIER = ""', 'found ""; write a folder', ""),
    "a size in words": (
        '[settings]\nmemory = "plenty"',
        'settings.memory: found "plenty"; write a size, as "512MB" or "4GB"',
        "",
    ),
    "no memory": ('[settings]\nmemory = "0 GB"', "write a size", ""),
    "no threads": ("[settings]\nthreads = 0", "settings.threads: found 0; write 1 or more", ""),
    "threads that are true": ("[settings]\nthreads = true", "found true; write a whole number", ""),
    "a query that outlasts the grace": (
        '[settings]\ngrace = "10 minutes"\nquery_timeout = "1 hour"',
        'settings.query_timeout: found "1 hour"; it must be shorter than the grace of 10 minutes',
        "",
    ),
    "no grace": ('[settings]\ngrace = "0s"', 'settings.grace: found "0s"; a duration of zero', ""),
    "a negative price": ("[prices]\nhot = -1", "prices.hot: found -1; write 0 or more", ""),
    "a price that is no number": ("[prices]\nhot = nan", "write a number that is finite", ""),
    "a name that is no word": (
        '[datasets."my trips"]\ntable = "t"\nclock = "c"',
        "datasets.my trips: a dataset's name is its name in SQL",
        "Write [datasets.my_trips].",
    ),
    "a name that begins with a digit": (
        '[datasets.2019]\ntable = "t"\nclock = "c"',
        "a dataset's name is its name in SQL",
        "Write [datasets._2019].",
    ),
    "a name with letters of other alphabets": (
        '[datasets."reisé"]\ntable = "t"\nclock = "c"',
        "letters a to z, digits and _",
        "Write [datasets.reis_].",
    ),
    "the name hot": (
        '[datasets.hot]\ntable = "t"\nclock = "c"',
        "the name hot is Isotherm's own in SQL",
        "Write [datasets.hot_rows], say.",
    ),
    "the name isotherm": (
        '[datasets.Isotherm]\ntable = "t"\nclock = "c"',
        "the name Isotherm is Isotherm's own in SQL",
        "",
    ),
    "a name like a guard's": (
        '[datasets.isotherm_archived_x_0]\ntable = "t"\nclock = "c"',
        "is Isotherm's own in SQL",
        "",
    ),
    "a table of control": (
        '[datasets.trips]\ntable = "isotherm.parts"\nclock = "c"',
        'found "isotherm.parts"; the schema isotherm is Isotherm\'s own',
        "",
    ),
    "two names that differ in case alone": (
        TRIPS + '[datasets.Trips]\ntable = "t"\nclock = "c"',
        "datasets.Trips: in SQL it is the same name as trips",
        "Give one of them another name.",
    ),
    "two datasets of one table": (
        TRIPS + '[datasets.other]\ntable = "Public.TRIPS"\nclock = "c"',
        'datasets.other.table: found "Public.TRIPS"; this table belongs to trips already',
        "",
    ),
    "a table called like another dataset": (
        TRIPS + '[datasets.other]\ntable = "main.trips"\nclock = "c"',
        "in SQL trips would mean this table and the dataset trips",
        "another name",
    ),
    "a section twice": (
        TRIPS + TRIPS,
        "Cannot declare datasets.trips twice (at line 4, column 16)",
        "A key or section may stand there once.",
    ),
    "a key twice": (TRIPS + 'clock = "other"\n', "Cannot overwrite a value", "once"),
    "quotes that are not closed": (
        '[warehouse]\nurl = "duckdb:x\n',
        "line 2, column 16 is no TOML: the quotes are not closed",
        "",
    ),
    "no TOML at all": ("{}", "line 1, column 1 is no TOML: Invalid statement: {}", ""),
}


@pytest.mark.parametrize(("text", "message", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_with_the_key_and_what_to_write(
    mistake: Fail, tmp_path: Path, text: str, message: str, hint: str
) -> None:
    error = mistake(text)
    assert error.message.startswith(f"{tmp_path / 'isotherm.toml'}: ")
    assert message in error.message
    assert hint in error.hint
    assert error.exit_code == 3


JARGON = re.compile(
    r"pydantic|\bdict|tuple|\bstr\b|\bint\b|NoneType|Section\b|instance|Traceback|Error\b|codec|"
    r"\bTrue\b|\bFalse\b|\bNone\b|datetime\.|<class|Duration\("
)


@pytest.mark.parametrize("text", [text for text, *_ in MISTAKES.values()], ids=MISTAKES)
def test_no_mistake_is_answered_in_pythons_words(mistake: Fail, tmp_path: Path, text: str) -> None:
    assert not JARGON.search(str(mistake(text)).replace(str(tmp_path), ""))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1), inner),
    max_leaves=3,
)
KEYS = [
    *("warehouse.url", "storage.tiers", "storage.tiers.GLACIER", "settings.grace", "prices.hot"),
    *("settings.threads", "settings.memory", "datasets", "datasets.t", "settings", "other"),
    *("datasets.t.table", "datasets.t.clock", "datasets.t.period", "datasets.t.subject"),
    *("datasets.t.earliest", "datasets.t.settle", "datasets.t.cast", "datasets.t.policy"),
    *("datasets.t.policy.STANDARD", "datasets.t.append_min_rows", "datasets.t.renamed.x"),
]


@given(st.sampled_from(KEYS), VALUES)
def test_any_value_anywhere_is_right_or_answered_in_plain_words(key: str, value: object) -> None:
    raw: dict[str, object] = {"datasets": {"t": {"table": "t", "clock": "c"}}}
    place, *path = [raw, *key.split(".")[:-1]]
    for step in path:
        place = place.setdefault(step, {})  # type: ignore[attr-defined]
    place[key.rpartition(".")[2]] = value  # type: ignore[index]
    answer = "/lake/isotherm.toml: right"
    try:
        checked(Path("/lake/isotherm.toml"), raw)
    except ConfigError as error:
        answer = str(error)
    assert answer.startswith("/lake/isotherm.toml: ")
    assert not JARGON.search(answer)


# -- the file itself


def test_a_file_that_is_not_there_is_named_with_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file") as error:
        read(tmp_path / "isotherm.toml")
    assert error.value.hint == "Write one with: isotherm init"


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it cannot be read"):
        read(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "isotherm.toml"
    file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="byte 6 is not UTF-8"):
        read(file)


def test_an_unknown_dataset_is_answered_with_the_nearest(config: Read) -> None:
    with pytest.raises(ConfigError, match=r"there is no dataset 'trps' \(known: trips\)") as error:
        config(TRIPS).dataset("trps")
    assert error.value.hint == "Did you mean trips?"


def test_without_datasets_the_section_to_add_is_named(config: Read) -> None:
    with pytest.raises(ConfigError, match="known: none") as error:
        config("").dataset("trips")
    assert error.value.hint == "Add a section: [datasets.trips]"
