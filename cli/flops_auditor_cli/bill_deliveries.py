"""Each hour of an export once: of lines that are repeated, and of months that were delivered several times.

A line's id is unique in a file, and may be another one in the next delivery (AWS Data Exports, "Identity columns").
The files of a delivery lie in one folder, and are called alike but for the number that their names end in.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from flops_auditor.domain.bill.bill_lines import is_use

_NUMBER = re.compile(r"-[0-9]{5}(?=\.)")
_WHAT = "account, region, service, usage_type, instance_type, resource, unit"
_LENGTHS = "SELECT count(DISTINCT ends - starts) FROM lines"
_ONCE = f"""
CREATE TEMP TABLE once AS
SELECT {_WHAT}, kind, starts, ends, delivery, max(amount) AS amount,
    CASE WHEN $by_day THEN starts - starts % 86400000000 ELSE starts END AS since,
    CASE WHEN $by_day THEN 0 ELSE ends END AS until,
    CASE WHEN count(*) > 1 THEN min(file) END AS one, CASE WHEN count(*) > 1 THEN max(file) END AS other,
    min(file) AS file, identity IS NULL AS without_id
FROM lines
GROUP BY {_WHAT}, kind, starts, ends, delivery, amount < 0, amount IS NULL,
    identity, CASE WHEN identity IS NULL THEN rowid END
"""  # noqa: S608 - all of it is ours
"""A line that is repeated in a delivery counts as the largest of its amounts."""
_KINDS = "SELECT DISTINCT kind FROM once"
_AGAIN = f"""
CREATE TEMP TABLE again AS
SELECT {_WHAT}, since, until, arg_max(delivery, row(used, delivery)) AS chosen, min(file) AS one, max(file) AS other
FROM (
    SELECT {_WHAT}, since, until, delivery, sum(amount) AS used, min(file) AS file
    FROM once WHERE amount > 0 AND list_contains($use, kind)
    GROUP BY {_WHAT}, since, until, delivery
)
GROUP BY {_WHAT}, since, until
HAVING count(*) > 1
"""  # noqa: S608
"""What several deliveries charge for the same time: the one that charges most of it counts."""
_LINES = f"""
SELECT {_WHAT}, kind, starts, ends, sum(amount),
    min(coalesce(again.one, once.one)), max(coalesce(again.other, once.other)),
    CASE WHEN resource <> '' AND count(*) FILTER (without_id) > count(DISTINCT amount) FILTER (without_id)
    THEN min(file) END
FROM once LEFT JOIN again USING ({_WHAT}, since, until)
WHERE chosen IS NULL OR chosen = delivery
GROUP BY {_WHAT}, kind, starts, ends, amount < 0, amount IS NULL
"""  # noqa: S608


def deliveries_of(files: Sequence[Path]) -> list[int]:
    """For each file the number of the delivery that it is a part of."""
    names = [(file.parent, _NUMBER.sub("", file.name)) for file in files]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [numbers[name] for name in names]


def read_once(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor on what the table `lines` has, each hour once. Its last columns are numbers of files: two, or one twice,
    in which the same stands again, and one with lines of a resource that are alike and have no ids; or NULL.

    An hour of a day may stand there twice as well: where periods have several lengths, deliveries are compared by days.
    """
    lengths = connection.execute(_LENGTHS).fetchone()
    connection.execute(_ONCE, {"by_day": lengths is not None and lengths[0] > 1})
    connection.execute("DROP TABLE lines")
    kinds = [kind for (kind,) in connection.execute(_KINDS).fetchall() if is_use(kind) is not False]
    connection.execute(_AGAIN, {"use": kinds})
    return connection.execute(_LINES)
