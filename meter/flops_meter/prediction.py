"""What a call takes, from calls that were counted: exactly for shapes seen before, by a formula for new ones. Pure.

FLOP of a model are a polynomial in the sizes of its inputs: batch x (length + length squared), for most. The smallest
polynomial that reproduces every counted call, two of them held out, is trusted between the sizes that were counted, and
given up when a count says otherwise (flops_meter.sampling). No formula, no prediction: the call is counted.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product

from flops_meter.work import Work

Sizes = tuple[int, ...]
Monomial = tuple[int, ...]
"""Exponent of each variable."""

TOLERANCE = 0.002
"""Relative deviation up to which a prediction holds."""
_SAME = 1e-9
"""FLOP are whole numbers: a formula that is right reproduces them, and one that nearly does is another."""
_HELD_OUT = 2
_MOST_VARIABLES = 3
_MOST_SAMPLES = 64
_KEPT = 8
"""Counts of one kind and size that are kept: their mean holds while they differ."""
_ONE_AGAIN = 3
"""Counts in a row that agree, and the last one holds."""
_UNTIL_GIVEN_UP = 48


class Predictor:
    """Counted calls of one structure, by the sizes of their inputs."""

    def __init__(self) -> None:
        self._counted: dict[Sizes, Work] = {}
        self._recent: dict[Sizes, deque[Work]] = {}
        self._formula: _Formula | None = None
        self._least: Sizes = ()
        self._most: Sizes = ()
        self._tried = 0
        self.worst_deviation = 0.0
        """The largest relative deviation of a prediction from a count."""

    def add(self, sizes: Sizes, work: Work) -> None:
        """Learn from a call that was counted."""
        expected = self.recall(sizes)
        if expected is not None:
            off = _deviation(expected, work)
            self.worst_deviation = max(self.worst_deviation, off)
            if off > TOLERANCE and sizes not in self._counted:
                self._formula, self._tried = None, 0
        if len(self._counted) >= _MOST_SAMPLES and sizes not in self._counted:
            oldest = next(iter(self._counted))
            del self._counted[oldest], self._recent[oldest]
        recent = self._recent.setdefault(sizes, deque(maxlen=_KEPT))
        recent.append(work)
        self._counted[sizes] = _typical(recent)
        self._least = tuple(map(min, self._least or sizes, sizes))
        self._most = tuple(map(max, self._most or sizes, sizes))
        if self._formula is None and self._tried < _UNTIL_GIVEN_UP and len(self._counted) > _HELD_OUT:
            self._tried += 1
            self._formula = _fit(self._counted)

    def predict(self, sizes: Sizes) -> Work | None:
        """The work of a call, or None when it is to be counted: no formula covers its sizes.

        A formula covers what lies between the sizes that were counted: what comes beyond them is counted first.
        """
        if sizes not in self._counted:
            inside = all(a <= size <= b for a, size, b in zip(self._least, sizes, self._most, strict=False))
            if not inside or len(sizes) != len(self._least):
                return None
        return self.recall(sizes)

    def recall(self, sizes: Sizes) -> Work | None:
        """Like predict, beyond the sizes that were counted, too: for a call that could not be counted."""
        known = self._counted.get(sizes)
        if known is not None:
            return known
        return None if self._formula is None else self._formula.apply(sizes)


def _typical(recent: Sequence[Work]) -> Work:
    """The last count, where the latest ones agree; the mean where they differ."""
    last = recent[-1]
    if all(same(last, each) for each in list(recent)[-_ONE_AGAIN:]):
        return last
    kinds = {kind for each in recent for kind in each}
    return {kind: sum(each.get(kind, 0) for each in recent) // len(recent) for kind in kinds}


def same(expected: Mapping[str, int], found: Mapping[str, int]) -> bool:
    """Whether two counts are one, as far as a prediction must be right."""
    return _deviation(expected, found) <= TOLERANCE


def _deviation(expected: Mapping[str, int], found: Mapping[str, int]) -> float:
    whole = sum(found.values())
    off = sum(abs(expected.get(kind, 0) - found.get(kind, 0)) for kind in expected.keys() | found.keys())
    return off / whole if whole else float(off > 0)


class _Formula:
    """A polynomial for each kind of work, over the sizes that vary."""

    def __init__(
        self, first: Sizes, variables: Sequence[int], monomials: Sequence[Monomial], parts: Mapping[str, list[Fraction]]
    ) -> None:
        self._first, self._variables, self._monomials, self._parts = first, tuple(variables), monomials, parts
        self._followers: dict[int, tuple[int, int] | None] = {}

    def follow(self, followers: Mapping[int, tuple[int, int] | None]) -> None:
        """Sizes that are not variables: constant (None), or a variable plus a constant."""
        self._followers = dict(followers)

    def apply(self, sizes: Sizes) -> Work | None:
        """The work, or None where the sizes do not vary together as those that were counted did."""
        if len(sizes) != len(self._first):
            return None
        for index, rule in self._followers.items():
            expected = self._first[index] if rule is None else sizes[rule[0]] + rule[1]
            if sizes[index] != expected:
                return None
        values = [_evaluate(monomial, [sizes[index] for index in self._variables]) for monomial in self._monomials]
        work: Work = {}
        for kind, coefficients in self._parts.items():
            amount = round(sum((c * v for c, v in zip(coefficients, values, strict=True)), Fraction(0)))
            if amount < 0:
                return None
            work[kind] = amount
        return work


def _evaluate(monomial: Monomial, values: Sequence[int]) -> int:
    result = 1
    for exponent, value in zip(monomial, values, strict=True):
        result *= value**exponent
    return result


def _fit(counted: Mapping[Sizes, Work]) -> _Formula | None:
    """The smallest polynomial that reproduces all counted calls, or None."""
    samples = list(counted)
    first = samples[0]
    if any(len(each) != len(first) for each in samples):
        return None
    variables: list[int] = []
    followers: dict[int, tuple[int, int] | None] = {}
    for index in range(len(first)):
        column = [each[index] for each in samples]
        if len(set(column)) == 1:
            followers[index] = None
            continue
        for variable in variables:
            offset = column[0] - samples[0][variable]
            if all(value - each[variable] == offset for value, each in zip(column, samples, strict=True)):
                followers[index] = (variable, offset)
                break
        else:
            variables.append(index)
    if not variables or len(variables) > _MOST_VARIABLES:
        return None
    kinds = sorted({kind for work in counted.values() for kind in work})
    points = [tuple(each[index] for index in variables) for each in samples]
    for monomials in _candidates(len(variables)):
        if len(monomials) + _HELD_OUT > len(samples):
            continue
        rows = [[_evaluate(monomial, point) for monomial in monomials] for point in points]
        parts = _solve(rows, {kind: [counted[each].get(kind, 0) for each in samples] for kind in kinds})
        if parts is not None and _reproduces(rows, parts, [counted[each] for each in samples]):
            formula = _Formula(first, variables, monomials, parts)
            formula.follow(followers)
            return formula
    return None


def _candidates(count: int) -> Iterable[list[Monomial]]:
    """Sets of monomials, small ones first: linear and quadratic in each variable, times one that is the batch."""
    units = [tuple(int(i == j) for i in range(count)) for j in range(count)]
    plain: list[Monomial] = [
        each for each in product(range(3), repeat=count) if sum(each) <= 2
    ]  # 1, x, y, x squared, x y, y squared
    sets: list[list[Monomial]] = []
    for size in range(1, 4):
        sets += [list(each) for each in combinations(plain, size)]
    for batch in units:
        rest = [each for each in plain if not any(e and b for e, b in zip(each, batch, strict=True))]
        times = [tuple(e + b for e, b in zip(each, batch, strict=True)) for each in rest]
        sets += [times, [*times, tuple([0] * count)], [*times, *rest]]
    sets.append(plain)
    return sorted(sets, key=len)


def _solve(rows: list[list[int]], columns: Mapping[str, list[int]]) -> dict[str, list[Fraction]] | None:
    """Exact coefficients from the first independent rows, for each column; None where rows do not determine them."""
    width = len(rows[0])
    chosen: list[int] = []
    reduced: list[tuple[int, list[Fraction]]] = []
    for index, row in enumerate(rows):
        vector = [Fraction(value) for value in row]
        for pivot, basis in reduced:
            if vector[pivot]:
                factor = vector[pivot] / basis[pivot]
                vector = [a - factor * b for a, b in zip(vector, basis, strict=True)]
        lead = next((position for position, value in enumerate(vector) if value), None)
        if lead is not None:
            reduced.append((lead, vector))
            chosen.append(index)
        if len(chosen) == width:
            break
    if len(chosen) < width:
        return None
    return {kind: _gauss([rows[i] for i in chosen], [values[i] for i in chosen]) for kind, values in columns.items()}


def _gauss(matrix: list[list[int]], values: list[int]) -> list[Fraction]:
    """Solve a square system that has one solution."""
    size = len(values)
    table = [[*map(Fraction, row), Fraction(value)] for row, value in zip(matrix, values, strict=True)]
    for column in range(size):
        pivot = next(row for row in range(column, size) if table[row][column])
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [value / table[column][column] for value in table[column]]
        for row in range(size):
            if row != column and table[row][column]:
                factor = table[row][column]
                table[row] = [a - factor * b for a, b in zip(table[row], table[column], strict=True)]
    return [row[-1] for row in table]


def _reproduces(rows: list[list[int]], parts: Mapping[str, list[Fraction]], works: list[Work]) -> bool:
    for row, work in zip(rows, works, strict=True):
        found = {
            kind: round(sum((c * v for c, v in zip(coefficients, row, strict=True)), Fraction(0)))
            for kind, coefficients in parts.items()
        }
        if _deviation(found, work) > _SAME:
            return False
    return True
