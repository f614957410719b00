"""A small decoder of torch alone, for tests that begin many processes: importing transformers takes seconds."""

import torch
from torch import nn

Batch = dict[str, torch.Tensor]


class TinyDecoder(nn.Module):
    """Token ids and labels in, the loss out."""

    def __init__(self, layers: int = 2, size: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size, 2, 2 * size, dropout=0.0, batch_first=True) for _ in range(layers)
        )
        self.head = nn.Linear(size, 64)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean loss."""
        seen = self.embed(input_ids)
        for layer in self.layers:
            seen = layer(seen)
        return nn.functional.cross_entropy(self.head(seen).flatten(0, 1), labels.flatten())


def rows(count: int, length: int, seed: int = 0) -> Batch:
    """Full rows."""
    ids = torch.randint(0, 64, (count, length), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "labels": ids}
