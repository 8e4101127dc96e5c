"""The certificate as a page that a person can read, print and keep."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5b6778; --line: #d9dfe7; --mark: #0b6e4f; }
* { box-sizing: border-box; }
body { margin: 0; background: #eef1f5; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 820px; margin: 32px auto; padding: 48px 56px; background: #fff;
  border-top: 6px solid var(--mark); box-shadow: 0 1px 4px rgb(0 0 0 / .12); }
h1 { margin: 0; font-size: 28px; letter-spacing: -.01em; }
h2 { margin: 32px 0 8px; font-size: 16px; }
p { margin: 8px 0; }
.lead { color: var(--soft); margin-top: 4px; }
.proven { margin: 24px 0 0; padding: 12px 16px; background: #eaf5f0;
  border-left: 4px solid var(--mark); }
dl { display: grid; grid-template-columns: 11em 1fr; gap: 4px 16px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; }
code, pre { font: 12px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
ul { margin: 8px 0; padding-left: 20px; }
pre { margin: 8px 0 0; padding: 12px; background: #f6f8fa; white-space: pre-wrap; }
summary { cursor: pointer; color: var(--soft); }
@media (max-width: 640px) { main { margin: 0; padding: 24px; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 8px; } }
@media print { body { background: #fff; }
  main { margin: 0; padding: 0; box-shadow: none; max-width: none; }
  summary { display: none; } tr, dl { break-inside: avoid; } }
"""


def page(certificate: Mapping[str, Any]) -> str:
    """Return a certificate as one HTML page, with nothing to load and the JSON itself in it."""
    said = certificate
    corrects = said["kind"] == "correction"
    title = f"Certificate of {said['kind']}"
    body = (
        f"<h1>{escape(title)}</h1><p class=lead>{_of(said)}</p>"
        f"<p class=proven>{escape(_sentence(said))}</p>"
        + _section("The request", _facts(_request(said)))
        + _section("Changed" if corrects else "Removed", _done(said))
        + _section("Kept, because a case holds it", _kept(said["kept"]))
        + _section("The people", _people(said["subjects"]))
        + _section("What this certificate cannot speak of", _list(said["cannot_speak_of"]))
        + _section("How to check it", _how(said))
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} {escape(str(said['request']))}</title>"
        f"<style>{_STYLE}</style><main>{body}</main></html>\n"
    )


def _of(said: Mapping[str, Any]) -> str:
    return f"{escape(said['request'])}, dataset {escape(said['dataset'])}"


def _sentence(said: Mapping[str, Any]) -> str:
    people, rows = len(said["subjects"]), sum(item["rows"] for item in _items(said))
    who = "one person" if people == 1 else f"{people:,} people"
    held = sum(item["rows"] for item in said["kept"])
    left = f", but for {_count(held, 'row')} that a case holds" if held else ""
    time = "in time" if said["in_time"] else "after its deadline"
    what, done = f"no record of {who}", "removed"
    if said["columns"]:
        columns = ", ".join(said["columns"])
        what, done = f"no record of {who} without the new values of {columns}", "corrected"
    return (
        f"On {_day(said['proven_at'])} {what} was found in any tier{left}. "
        f"{_count(rows, 'row')} had been {done}, and everything that was replaced is gone. "
        f"The request was done {time}."
    )


def _items(said: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = said.get("changed") or said.get("removed") or ()
    return found


def _request(said: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    search = said["second_search"]
    yield "Asked", f"{_time(said['asked_at'])}, by {said['asked_by']}"
    yield "Due", _time(said["due_at"])
    if said["forgotten_at"]:
        yield "No row to be found", f"since {_time(said['forgotten_at'])}"
    yield "Proven", _time(said["proven_at"])
    yield (
        "Second search",
        f"{_count(search['rows'], 'row')} found in the warehouse and "
        f"{_count(search['objects'], 'object')}",
    )
    yield "Lake", said["lake"]


def _done(said: Mapping[str, Any]) -> str:
    items = _items(said)
    if not items:
        return "<p>There was nothing to do.</p>"
    rows = [
        (str(item["where"]), str(item["tier"]), f"{item['rows']:,}", f"{item['objects']:,}")
        for item in items
    ]
    return _table(("where", "tier", "rows", "objects replaced"), rows, numbers=(2, 3))


def _kept(items: Sequence[Mapping[str, Any]]) -> str:
    if not items:
        return "<p>Nothing.</p>"
    rows = [(str(item["where"]), f"{item['rows']:,}", ", ".join(item["why"])) for item in items]
    return _table(("where", "rows", "case"), rows, numbers=(1,))


def _people(hashes: Sequence[str]) -> str:
    shown = "".join(f"<li><code>{escape(item)}</code></li>" for item in hashes[:20])
    more = f"<p>and {len(hashes) - 20:,} more, see below.</p>" if len(hashes) > 20 else ""
    return (
        "<p>They stand here as keyed hashes (HMAC-SHA-256): who has the lake's key can say whether "
        f"one is of a person, and nobody can say of which person one is.</p><ul>{shown}</ul>{more}"
    )


def _how(said: Mapping[str, Any]) -> str:
    signature = said["signature"]
    facts = (
        ("Signed with", signature["algorithm"]),
        ("Public key", signature["public_key"]),
        ("Signature", signature["value"]),
        ("Journal before it", said["journal_head"]),
    )
    text = escape(json.dumps(said, indent=2))
    return (
        f"{_facts(facts)}<p>Save what stands below as a file, and run <code>isotherm certificate "
        "verify FILE</code>: it checks the signature, the lake's key, and the journal, which has "
        f"noted the certificate.</p><details open><summary>The certificate</summary>"
        f"<pre>{text}</pre></details>"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _facts(items: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(n)}<dd>{escape(str(v))}" for n, v in items) + "</dl>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()
) -> str:
    def cell(tag: str, number: int, content: str) -> str:
        kind = " class=number" if number in numbers else ""
        return f"<{tag}{kind}>{escape(content)}</{tag}>"

    head = "".join(cell("th", n, name) for n, name in enumerate(columns))
    lines = "".join(
        "<tr>" + "".join(cell("td", n, c) for n, c in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{lines}</table>"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _time(text: str) -> str:
    return text.replace("T", " ")[:16] + " UTC"


def _day(text: str) -> str:
    return text[:10]
