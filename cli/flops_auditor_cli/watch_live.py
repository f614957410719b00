"""The jobs in progress as bars towards the threshold that each meets first, drawn again and again.

What is drawn are lines of text, made from values; a terminal shows them by rich, anything else one after the other.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.audit.forecast import RunForecast, ThresholdForecast, nearest_first
from flops_auditor.domain.values.amounts import counted, percent
from flops_auditor.domain.values.moments import minute_of
from flops_auditor_cli.outlet import reader_left
from flops_auditor_cli.output import as_shown
from flops_auditor_cli.view import cut_in_the_middle
from flops_auditor_cli.watch_view import Sight, named

See = Callable[[], Sight]
SURE, LIKELY, POSSIBLE, ROOM, OVER = "█", "▓", "░", "·", ">"
"""Up to the lower bound, the best estimate, the upper bound; what is left of the line; what is over it."""
LEGEND = f"{SURE} at least  {LIKELY} best  {POSSIBLE} at most  | the threshold"
LEAST_BAR, WIDEST_BAR = 16, 60
LONGEST_NAME = 64
"""SageMaker takes names of 63 characters."""
LEAST_WIDTH = 40
LINES_OF_A_JOB = 4
HEAD_AND_FOOT = 4


def can_be_live() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def watch_live(look: See, seconds: int, pause: Callable[[float], None] = time.sleep) -> None:
    """Draw on the terminal until somebody interrupts."""
    from rich.live import Live  # noqa: PLC0415 - only people need it
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False, vertical_overflow="crop") as screen:
        for sight in _again_and_again(look, seconds, pause):
            size = shutil.get_terminal_size()
            lines = drawing(sight, size.columns, size.lines, f"Every {seconds} s; Ctrl-C ends it.")
            screen.update(Text("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)


def watch_in_lines(look: See, seconds: int, pause: Callable[[float], None] = time.sleep) -> None:
    """Write a line of each job again and again, until somebody interrupts or nobody reads."""
    for sight in _again_and_again(look, seconds, pause):
        sys.stdout.write("".join(f"{line}\n" for line in plain_lines(sight)))
        sys.stdout.flush()
        if reader_left():
            return


def _again_and_again(look: See, seconds: int, pause: Callable[[float], None]) -> Iterator[Sight]:
    while True:
        yield look()
        pause(seconds)


def plain_lines(sight: Sight) -> list[str]:
    """One line of each job, the nearest to its line first, and of each failure; each begins with the moment."""
    at = minute_of(sight.at)
    lines = [
        f"{at}  {cut_in_the_middle(as_shown(seen.audited.run.name), LONGEST_NAME)}  {_figures(seen)}{_of(seen)}  "
        f"{_crossing(seen, sight.at)}"
        for seen in _order(sight)
    ]
    lines = lines or [f"{at}  no training job is in progress"]
    return lines + [f"{at}  not seen: {as_shown(failure)}" for failure in sight.failures]


def drawing(sight: Sight, width: int, height: int, foot: str = "") -> list[str]:
    """The lines of a screen: as many jobs as it has room for, the nearest to its line first."""
    width = max(width, LEAST_WIDTH)
    jobs = _order(sight)
    shown = jobs[: max(1, (height - HEAD_AND_FOOT - len(sight.failures[:3])) // LINES_OF_A_JOB)]
    count = f"{counted(len(jobs), 'training job')} in progress"
    lines = [f"{count}, {minute_of(sight.at)}", LEGEND if jobs else "", ""]
    for seen in shown:
        lines += [*_of_job(seen, sight.at, width), ""]
    if len(jobs) > len(shown):
        lines.append(f"and {len(jobs) - len(shown)} more, farther from their lines")
    lines += [f"not seen: {as_shown(failure)}" for failure in sight.failures[:3]]
    lines += [foot] if foot else []
    return [line.rstrip() if len(line) <= width else f"{line[: width - 3]}..." for line in lines]


def _of_job(seen: RunForecast, at: datetime, width: int) -> list[str]:
    run = seen.audited.run
    place = f"{as_shown(run.region)}  {_hours(seen)}"
    room = max(width - len(place) - 2, 12)
    figures = _figures(seen)
    bar = bar_of(seen.closest(), max(LEAST_BAR, min(width - len(figures) - 4, WIDEST_BAR)))
    return [
        f"{cut_in_the_middle(as_shown(run.name), room)}  {place}",
        f"  {bar} {figures}",
        f"  {_crossing(seen, at)}; {_line_of(seen)}",
    ]


def bar_of(outlook: ThresholdForecast | None, width: int) -> str:
    """A bar on which the threshold is at the end: what is over it is shown by a sign after it."""
    shares = (None, None, None) if outlook is None else _shares(outlook)
    lower, best, upper = ((Fraction(0) if share is None else share) for share in shares)
    room = width - 3
    ends = [
        min(room, int(min(share, Fraction(2)) * room)) for share in (lower, max(lower, best), max(lower, best, upper))
    ]
    drawn = SURE * ends[0] + LIKELY * (ends[1] - ends[0]) + POSSIBLE * (ends[2] - ends[1])
    if outlook is None or shares[2] is None:
        drawn += "?" * (room - len(drawn))
    return f"[{drawn.ljust(room, ROOM)}|" + (OVER if max(lower, best, upper) > 1 else " ")


def _order(sight: Sight) -> Sequence[RunForecast]:
    """The nearest to a line first; a job that nothing bounds is nearer than any."""

    def rank(seen: RunForecast) -> tuple[bool, Fraction, str]:
        closest = seen.closest()
        upper = closest.upper_of_line if closest else None
        return upper is not None, -(upper or Fraction(0)), seen.audited.run.name

    return sorted(sight.forecasts, key=rank)


def _shares(outlook: ThresholdForecast) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    return outlook.lower_of_line, outlook.best_of_line, outlook.upper_of_line


def _figures(seen: RunForecast) -> str:
    closest = seen.closest()
    if closest is None:
        return "no threshold"
    lower, best, upper = _shares(closest)
    return f"{percent(best)} ({percent(lower, 'lower')} to {percent(upper, 'upper')})"


def _of(seen: RunForecast) -> str:
    closest = seen.closest()
    return f" of {named(closest)}" if closest else ""


def _line_of(seen: RunForecast) -> str:
    closest = seen.closest()
    if closest is None:
        return "no policy has a threshold for it"
    return as_shown(closest.assessment.rule.title) + (" (no law)" if closest.assessment.wording_of else "")


def _crossing(seen: RunForecast, at: datetime) -> str:
    """When the first of its lines is crossed, at the present rate."""
    crossed = [each for each in nearest_first(seen.outlooks) if each.crossed]
    if crossed:
        over = next((each for each in crossed if each is seen.closest()), crossed[0])
        return f"OVER {named(over)} by the best estimate"
    times = [(when, each) for each in seen.outlooks if (when := each.crosses_at(at))]
    if not times:
        return "when it crosses is not known"
    when, first = min(times, key=lambda pair: pair[0])
    if seen.limit_seconds is None:
        return f"crosses {named(first)} at {minute_of(when)} at the present rate"
    if first.projected:
        return f"CROSSES {named(first)} at {minute_of(when)}, before its time limit"
    return f"ends by its time limit before it crosses {named(first)} ({minute_of(when)})"


def _hours(seen: RunForecast) -> str:
    spent = "?" if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.1f}"
    limit = "" if seen.limit_seconds is None else f" of {seen.limit_seconds / 3600:.0f}"
    return f"{spent}{limit} h"
