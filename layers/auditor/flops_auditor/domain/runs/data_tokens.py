"""How many tokens a run trained on, as far as the size of its data tells, where its service counts none."""

from dataclasses import dataclass
from fractions import Fraction

from flops_auditor.domain.values.remarks import Kind

BOUND_BY_DATA = Kind(
    "tokens-bound-by-data",
    "no service or trainer counts its tokens: there are at most as many as its training data has bytes; what a "
    "template adds to a sample is taken to be less than what its notation takes up, and padding is not counted",
)
BYTES_OF_A_TOKEN = Fraction(242_115, 65_126)
"""Of English text, about 3.7: 242.115 GB are 65.126e9 tokens (manu/english-60b on Hugging Face, dataset_stats.md, split
"train", Mistral's tokenizer).
"""
LEAST_BYTES_OF_A_TOKEN = 1
"""No tokenizer of text makes more tokens than bytes: the shortest token of a byte-level vocabulary is a byte."""


@dataclass(frozen=True)
class DataTokens:
    """Tokens of all passes over a run's data together: `usual` is what so much text usually holds, and there are no
    more than `most`. `source` says in words what tells that.
    """

    usual: int
    most: int
    source: str


def tokens_of_data(size: int, passes: int, source: str) -> DataTokens:
    """Of `size` bytes of text that are passed `passes` times."""
    usual = -(-size * passes * BYTES_OF_A_TOKEN.denominator // BYTES_OF_A_TOKEN.numerator)
    return DataTokens(usual, size * passes // LEAST_BYTES_OF_A_TOKEN, source)
