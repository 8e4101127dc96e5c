"""`isotherm export`: everything about some people, from all tiers."""

from __future__ import annotations

from .options import DEFAULT_CONFIG, ConfigFile, OneDataset, Wait, opened
from .output import counted, err
from .people import PeopleFile, Subjects, read_people
from .sql import ArchivedChoice, IfArchived, OutFile, RowsFormat, format_of, write


def run(
    dataset: OneDataset,
    subject: Subjects = None,
    file: PeopleFile = None,
    archived: IfArchived = ArchivedChoice.REFUSE,
    out_file: OutFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    format_: RowsFormat = None,
    wait: Wait = 0.0,
) -> None:
    """Write every row about some people, hot, cold and restored (a subject access request)."""
    form = format_of(format_, out_file)
    whose = read_people(subject, file)
    with opened(config, read_only=True, wait=wait) as lake:
        query, quarantined = lake.erasing.question(dataset, whose)
        lake.confine()
        with lake.sql(query, archived=archived.value, here=True) as result:
            for note in result.notes:
                err().message(note, style="yellow")
            write(result, form, out_file)
    if quarantined:
        err().message(
            f"{counted(quarantined, 'row')} in quarantine may be about them, too: "
            "isotherm.quarantine",
            style="yellow",
        )
