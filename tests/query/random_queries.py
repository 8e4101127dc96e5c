"""Random predicates on the clock, and random queries of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import strategies as st

from isotherm.model.period import Period, Unit

LOW, HIGH = datetime(2017, 11, 1), datetime(2020, 3, 1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)

days = st.dates(LOW.date(), HIGH.date())
midnights = days.map(lambda d: datetime.combine(d, time()))
instants = st.one_of(
    midnights,
    midnights.map(lambda t: t.replace(day=1)),
    st.datetimes(LOW, HIGH).map(lambda t: t.replace(microsecond=0)),
)


@dataclass(frozen=True)
class Bound:
    """A predicate, and the instants that it lets through: `low` to before `high`."""

    sql: str
    low: datetime = datetime.min
    high: datetime = datetime.max

    def meets(self, period: Period) -> bool:
        """Say whether it lets an instant of the period through."""
        return self.low < self.high and self.low < period.end and self.high > period.start


# -- predicates that are never refused needlessly: of one instant, two, and the clock's grain

Make = Callable[[datetime, datetime, timedelta], Bound]


def text(value: datetime) -> str:
    return f"'{value.isoformat(' ')}'"


def day(value: datetime) -> datetime:
    return datetime.combine(value.date(), time())


def month(value: datetime) -> datetime:
    return day(value).replace(day=1)


def ago(moment: datetime, form: str = "pickup >= {}", back: str = "INTERVAL '{} days'") -> Bound:
    """Write a moment as so many days before now; at which time of day does not matter."""
    now = datetime.now(UTC).replace(tzinfo=None)
    count = (now - moment).days
    return Bound(form.format(f"now() - {back.format(count)}"), now - timedelta(days=count))


BOUNDS: dict[str, Make] = {
    "from": lambda a, b, grain: Bound(f"pickup >= {text(a)}", a),
    "after": lambda a, b, grain: Bound(f"pickup > {text(a)}", a + grain),
    "before": lambda a, b, grain: Bound(f"pickup < {text(a)}", high=a),
    "until": lambda a, b, grain: Bound(f"{text(a)} >= pickup", high=a + grain),
    "not before": lambda a, b, grain: Bound(f"NOT (pickup < {text(a)})", a),
    "range": lambda a, b, grain: Bound(f"pickup >= {text(a)} AND pickup < {text(b)}", a, b),
    "between": lambda a, b, grain: Bound(f"pickup BETWEEN {text(a)} AND {text(b)}", a, b + grain),
    "typed": lambda a, b, grain: Bound(
        f"pickup BETWEEN TIMESTAMP {text(a)} AND TIMESTAMP {text(b)}", a, b + grain
    ),
    "equal": lambda a, b, grain: Bound(f"pickup = {text(a)}", a, a + grain),
    "in": lambda a, b, grain: Bound(f"pickup IN ({text(a)})", a, a + grain),
    "month": lambda a, b, grain: Bound(
        f"date_trunc('month', pickup) = {text(month(a))}",
        month(a),
        Period.of(a, Unit.MONTH).end,
    ),
    "from month": lambda a, b, grain: Bound(
        f"date_trunc('month', pickup) >= {text(month(a))}", month(a)
    ),
    "day": lambda a, b, grain: Bound(f"pickup::DATE = '{a:%Y-%m-%d}'", day(a), day(a) + DAY),
    "days": lambda a, b, grain: Bound(
        f"CAST(pickup AS DATE) BETWEEN '{a:%Y-%m-%d}' AND DATE '{b:%Y-%m-%d}'",
        day(a),
        day(b) + DAY,
    ),
    "from day": lambda a, b, grain: Bound(
        f"pickup::DATE >= DATE '{a:%Y-%m-%d}' AND pickup < {text(HIGH)}", day(a), HIGH
    ),
    "year": lambda a, b, grain: Bound(
        f"year(pickup) = {a.year}", datetime(a.year, 1, 1), datetime(a.year + 1, 1, 1)
    ),
    "years": lambda a, b, grain: Bound(
        f"year(pickup) IN ({a.year})", datetime(a.year, 1, 1), datetime(a.year + 1, 1, 1)
    ),
    "zoned": lambda a, b, grain: Bound(f"pickup >= TIMESTAMPTZ {text(a)}", a),
    "ago": lambda a, b, grain: ago(a),
    "ago in words": lambda a, b, grain: ago(a, back="INTERVAL {} DAY"),
    "ago and before": lambda a, b, grain: Bound(
        f"{(since := ago(a)).sql} AND pickup < {text(HIGH)}", since.low, HIGH
    ),
    "days ago": lambda a, b, grain: Bound(
        f"pickup >= current_date - {(datetime.now(UTC).date() - a.date()).days}", day(a)
    ),
}


@st.composite
def bounds(draw: st.DrawFn, clock_type: str) -> Bound:
    """Draw a predicate that is never refused needlessly."""
    source = midnights if clock_type == "DATE" else instants
    one, other = sorted((draw(source), draw(source)))
    grain = DAY if clock_type == "DATE" else MICROSECOND
    bound = BOUNDS[draw(st.sampled_from(sorted(BOUNDS)))](one, other, grain)
    if clock_type == "DATE" and bound.low > day(bound.low):  # the day itself begins before it
        return replace(bound, low=day(bound.low) + DAY)
    return bound


BOUNDED = (
    "SELECT count(*), sum(fare), min(id), max(id) FROM trips WHERE {}",
    "SELECT * FROM trips WHERE {}",
    "SELECT tag, count(*) FROM trips WHERE {} AND fare > 20 GROUP BY tag",
    "SELECT id FROM (SELECT * FROM trips) t WHERE {} ORDER BY id LIMIT 5",
    "WITH picked AS (SELECT * FROM trips WHERE {}) SELECT seats, avg(id) FROM picked GROUP BY ALL",
    "WITH a AS (FROM trips) SELECT count(*), max(tag) FROM a WHERE {}",
    "SELECT t.id, name FROM trips t JOIN dims USING (seats) WHERE {}",
    "SELECT id, row_number() OVER (ORDER BY id) FROM trips WHERE {} AND seats < 6",
)
"""Queries with one bound."""

# -- any condition, and any query


def conditions() -> st.SearchStrategy[str]:
    """Draw conditions of every kind, nested."""
    moment = instants.map(text)
    order = st.sampled_from(["<", "<=", "=", "<>", ">", ">="])
    unit = st.sampled_from(["year", "quarter", "month", "week", "day"])
    year = st.integers(2017, 2021)
    clock = [
        ("t.pickup {} {}", order, moment),
        ("t.pickup BETWEEN {} AND {}", moment, moment),
        ("t.pickup IN ({}, {})", moment, moment),
        ("t.pickup NOT IN ({}, {})", moment, moment),
        ("date_trunc('{}', t.pickup) {} {}", unit, order, moment),
        ("t.pickup::DATE {} '{}'", order, days),
        ("t.pickup::TIMESTAMP {} {}", order, moment),
        ("t.pickup::DATE IN ('{}', '{}')", days, days),
        ("t.pickup {} TIMESTAMPTZ {}", order, moment),
        ("t.pickup::TIMESTAMPTZ {} TIMESTAMP {}", order, moment),
        ("year(t.pickup) {} {}", order, year),
        ("month(t.pickup) = {}", st.integers(1, 12)),
        ("extract(year FROM t.pickup) IN ({}, {})", year, year),
        ("date_part('year', t.pickup) NOT BETWEEN {} AND {}", year, year),
        ("t.pickup - INTERVAL '{} days' >= {}", st.integers(-400, 400), moment),
        ("strftime(t.pickup, '%Y-%m') >= '{:%Y-%m}'", days),
        ("coalesce(t.pickup, {}::TIMESTAMP) >= {}", moment, moment),
        ("(CASE WHEN t.seats > 5 THEN t.pickup ELSE {}::TIMESTAMP END) >= {}", moment, moment),
        ("(t.pickup >= {}) IS NOT TRUE", moment),
        ("t.pickup > now() - INTERVAL '{} months'", st.integers(60, 110)),
        ("t.pickup > (SELECT max(m) FROM (VALUES ({}::TIMESTAMP)) v(m))", moment),
        ("EXISTS (SELECT 1 FROM dims WHERE dims.seats = t.seats AND t.pickup > {})", moment),
        ("greatest(t.pickup, {}::TIMESTAMP) < {}", moment, moment),
        ("epoch(t.pickup) > epoch({}::TIMESTAMP)", moment),
        ("t.pickup IS {}NULL", st.sampled_from(["", "NOT "])),
        ("t.pickup = ANY ([{}::TIMESTAMP, {}::TIMESTAMP])", moment, moment),
    ]
    others = [
        "t.fare > 20",
        " t.tag = 'x3'",
        " t.stops IS NULL",
        " t.seats IN (1, 4)",
        " t.id % 3 = 0",
        "\n        t.tag = 'late'",
        " t.fare IS NOT NULL",
        " t.tag LIKE 'isotherm%'",
        " random() < 2",
    ]
    atoms = [st.builds(form.format, *parts) for form, *parts in clock]
    atoms.append(st.sampled_from([other.strip() for other in others]))
    return st.recursive(
        st.one_of(*atoms),
        lambda inner: st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("NOT ({})".format, inner),
        ),
        max_leaves=5,
    )


ANY = """
SELECT count(*), sum(fare), min(id) FROM trips t WHERE {0}
SELECT * FROM trips t WHERE {0} ORDER BY id
SELECT id FROM trips t WHERE {0} ORDER BY pickup DESC NULLS LAST, id LIMIT 7
SELECT id FROM trips t WHERE {0} ORDER BY id LIMIT 3 OFFSET 4
SELECT min(pickup), max(pickup), count(pickup) FROM trips t WHERE {0}
SELECT tag, seats, count(*) FROM trips t WHERE {0} GROUP BY CUBE (tag, seats)
SELECT tag, count(*) AS n FROM trips t GROUP BY tag HAVING bool_or({0})
SELECT count(*) FILTER (WHERE {0}) FROM trips t
SELECT DISTINCT seats FROM trips t WHERE {0}
SELECT arg_max(id, pickup), any_value(tag ORDER BY id) FROM trips t WHERE {0}
SELECT m FROM (SELECT min(pickup) AS m FROM trips t WHERE {1}) t(m) WHERE m > '2019-02-01'
SELECT tag FROM (SELECT tag, max(pickup) AS pickup, 1 AS seats, 1 AS id, 1 AS fare, 1 AS stops
 FROM trips GROUP BY tag) t WHERE {0}
WITH a AS (SELECT * FROM trips t WHERE {0}), b AS (SELECT * FROM trips t WHERE {1})
 SELECT count(*) FROM a JOIN b USING (id)
WITH a AS MATERIALIZED (FROM trips) SELECT count(*) FROM a t WHERE {0}
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3)
 SELECT n, count(*) FROM r, trips t WHERE {0} GROUP BY n
SELECT count(*) FROM (SELECT id FROM trips t WHERE {0} EXCEPT SELECT id FROM trips t WHERE {1})
SELECT id FROM trips t WHERE {0} INTERSECT SELECT id FROM trips t WHERE {1}
SELECT id, 1 AS k FROM trips t WHERE {0} UNION ALL BY NAME SELECT 2 AS k, id FROM trips t WHERE {1}
SELECT t.id, o.id FROM trips t LEFT JOIN (SELECT * FROM trips t WHERE {1}) o
 ON t.id = o.id + 1 AND t.pickup >= o.pickup WHERE {0}
SELECT count(*) FROM dims d RIGHT JOIN trips t ON d.seats = t.seats AND {1} WHERE {0}
SELECT count(*) FROM trips t FULL JOIN dims d ON d.seats = t.id AND {0}
SELECT count(*) FROM trips t NATURAL JOIN dims WHERE {0}
SELECT count(*) FROM trips t JOIN trips o ON t.pickup = o.pickup WHERE {0}
SELECT count(*) FROM trips t JOIN (SELECT max(pickup) AS p FROM trips t WHERE {1}) m
 ON t.pickup = m.p WHERE {0}
SELECT count(*) FROM trips t SEMI JOIN (SELECT id + 3 AS id FROM trips t WHERE {1}) o USING (id)
 WHERE {0}
SELECT count(*) FROM trips t ANTI JOIN (SELECT id + 3 AS id FROM trips t WHERE {1}) o USING (id)
 WHERE {0}
SELECT count(*) FROM trips t ASOF JOIN (SELECT id AS oid, pickup AS p FROM trips t WHERE {1}) o
 ON t.pickup >= o.p WHERE {0}
SELECT count(*) FROM (SELECT id FROM trips t WHERE {0} ORDER BY id) POSITIONAL JOIN
 (SELECT id AS oid FROM trips t WHERE {1} ORDER BY id)
SELECT name, (SELECT count(*) FROM trips t WHERE t.seats = d.seats AND {0}) FROM dims d
SELECT name FROM dims d WHERE d.seats IN (SELECT seats FROM trips t WHERE {0})
SELECT name FROM dims d WHERE d.seats NOT IN (SELECT seats FROM trips t WHERE {0})
SELECT name FROM dims d WHERE NOT EXISTS (FROM trips t WHERE t.seats = d.seats AND {0})
SELECT name, n FROM dims d,
 LATERAL (SELECT count(*) AS n FROM trips t WHERE t.seats = d.seats AND {0})
SELECT count(*) FROM trips t WHERE {0} AND t.pickup > ALL
 (SELECT pickup FROM trips t WHERE {1} AND pickup IS NOT NULL)
SELECT id, lag(id) OVER (ORDER BY id) FROM trips t WHERE {0}
SELECT id FROM trips t WHERE {0} QUALIFY row_number() OVER (PARTITION BY tag ORDER BY id) = 1
SELECT count(*) FROM (SELECT *, lead(pickup) OVER (ORDER BY id) AS n FROM trips) t WHERE {0}
PIVOT (SELECT tag, seats, id FROM trips t WHERE {0}) ON tag IN ('x1', 'x2') USING count(id)
SELECT count(*) FROM (FROM trips t WHERE {0} LIMIT 0)
SELECT count(*) FROM trips t WHERE {0} AND false
SELECT seen FROM (SELECT {0} AS seen, count(*) FROM trips t GROUP BY ALL)
SELECT tag AS pickup, count(*) FROM trips t WHERE {0} GROUP BY ALL
"""
"""Queries of one or two conditions on a table that they call `t`; a line begins with no space."""

SHAPES = tuple(ANY.strip().replace("\n ", " ").splitlines())
