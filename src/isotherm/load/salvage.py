"""What becomes of a file whose records were told apart: all of it, its good rows, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..model.errors import LoadError
from . import careful
from .careful import Broken, Careful
from .choice import SAMPLE_ROWS, Choice, Chooser
from .options import OnError
from .records import Record
from .target import Pair
from .typed import fixed
from .write import Job, Loaded, write


def salvage(
    job: Job,
    file: Careful,
    chooser: Chooser,
    pairs: Sequence[Pair],
    ignored: tuple[str, ...],
    records: Callable[[], Iterator[Record]],
) -> Loaded:
    """Load the records that can be loaded, if the others may be kept apart.

    Args:
        records: Reads the file's records once more, for the text of the broken ones.

    Raises:
        LoadError: a record is broken, and nothing of such a file is to be loaded.
        SchemaError: values would fit if cold rows allowed it.

    """
    stop = job.options.on_error == OnError.STOP
    with job.warehouse.snapshot() as tx:
        sample = chooser.choose(tx.session, file.relation, pairs, SAMPLE_ROWS)
        choices = chooser.narrowed(sample).choose(tx.session, file.relation, pairs)
        misfits = careful.misfits(tx.session, file, choices.items, chooser.formats)
    broken = sorted([*file.broken, *misfits])
    if broken and stop:
        _refuse_blocked(job, chooser, choices.items)
        raise _refusal(job, broken, choices.items)
    plan = careful.plan(choices.items, chooser.table, chooser.formats, ignored)
    kept = ((b.line, b.reason, raw) for b, raw in careful.raw_texts(records(), broken))
    return write(job, plan, file.relation, kept if broken else (), careful=True)


def _refuse_blocked(job: Job, chooser: Chooser, choices: Sequence[Choice]) -> None:
    for choice in choices:
        if choice.blocked and choice.pair.column:
            what = (
                f"{job.source.name}: column {choice.pair.name} of {job.dataset.table} is "
                f"{choice.type}, which {choice.broken} values do not fit"
            )
            raise fixed(chooser.table, what, choice.blocked)


def _refusal(job: Job, broken: Sequence[Broken], choices: Sequence[Choice]) -> LoadError:
    """Name the first broken record, and say what can be done."""
    first, others = broken[0], len(broken) - 1
    more = f" ({others:,} more {'rows are' if others > 1 else 'row is'} broken)" if others else ""
    hints = ["Nothing of the file was loaded."]
    if "it is not UTF-8" in first.reason:
        hints.append("If the whole file is of another encoding, say which: --encoding latin-1.")
    if any(c.pair.name == first.column and c.pair.column is None for c in choices):
        hints.append(f"If such text is right there: --type {first.column}=VARCHAR.")
    hints.append("To load the other rows and keep the broken ones apart: --on-error quarantine")
    return LoadError(
        f"{job.source.name} line {first.line}: {first.reason}{more}", hint=" ".join(hints)
    )
