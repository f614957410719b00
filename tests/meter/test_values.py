"""Which values a tensor holds."""

from typing import Any

import torch

from flops_meter.values import Identities


def half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.bfloat16)


def test_a_copy_stands_for_what_it_is_of() -> None:
    """A part of it for the same part, whatever order it lies in; a copy of a copy for the first."""
    known, weight = Identities(), torch.randn(2, 8, 4)[1]
    for source in (weight[2:6], weight[2:6].T):
        copy = source.contiguous().to(torch.float64)
        known.copied(source, copy)
        again = half(copy.T)
        known.copied(copy.T, again)
        assert known.values(again) == known.values(source.T)
        assert known.values(again[1:3, 1:]) == known.values(source.T[1:3, 1:])
        assert known.values(again[:2]) != known.values(again[2:])
        assert known.places(again) == known.places(weight)


def test_what_is_no_part_of_a_copy_is_itself() -> None:
    known, weight, buffer = Identities(), torch.randn(4), torch.zeros(8)
    known.copied(weight, buffer[4:])
    assert known.values(buffer[4:]) == known.values(weight)
    assert known.values(buffer[:4]) == (known.number(buffer), 0, 0, (4,), (1,))


def test_a_copy_that_is_written_to_stands_for_nothing() -> None:
    known, weight = Identities(), torch.randn(8, 4)
    copy = half(weight)
    known.copied(weight, copy)
    copy.add_(1)
    known.wrote(copy)
    assert known.values(copy) != known.values(weight)
    assert known.places(copy) == {known.number(copy)}


def test_values_change_with_a_write_and_not_with_another_count() -> None:
    """`.data` counts writes anew; a version that comes again, as FSDP says it does, is the same values."""
    known, weight = Identities(), torch.randn(8, 4)
    weight.add_(1)
    before = known.values(weight)
    assert known.values(weight.data) == before
    with torch.autograd._unsafe_preserve_version_counter(weight):
        known.wrote(weight.zero_())
    assert known.values(weight) == before
    known.wrote(weight.add_(1))
    after = known.values(weight)
    assert after != before
    assert known.values(weight.data) == after


def test_what_was_written_while_nobody_looked_is_another_state() -> None:
    known, weight = Identities(), torch.randn(8, 4)
    before = known.values(weight)
    known.doubt_all()
    assert known.values(weight) == before
    weight.add_(1)
    assert known.values(weight) != before


def test_what_lies_where_another_was_is_not_that() -> None:
    known, weight = Identities(), torch.randn(64, 64)
    seen: set[Any] = set()
    addresses = set()
    for _ in range(50):  # memory is used again in one of them
        copy = weight.to(torch.float64)
        known.copied(weight, copy)
        del copy
        other = torch.zeros(64, 64, dtype=torch.float64)
        addresses.add(other.untyped_storage()._cdata)
        seen.add(known.values(other))
        known.forget_dead()
    assert len(seen) == 50 > len(addresses)
    assert known.values(weight) not in seen


def test_what_an_operation_makes_of_the_same_values_is_the_same() -> None:
    known, weight = Identities(), torch.randn(8, 4)
    made = [weight * factor for factor in (0.5, 0.5, 0.25)]
    for each, factor in zip(made, (0.5, 0.5, 0.25), strict=True):
        known.made("mul", (weight, factor), each)
    first, again, other = (known.values(each) for each in made)
    assert first == again != other
    assert known.places(made[0]) == known.places(weight)
    known.made("view", (weight,), weight[1:])
    assert known.values(weight[1:]) != first
    known.made("generate", (weight, object()), made[2])
    assert known.values(made[2]) == other
