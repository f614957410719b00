"""Loops as people write them, and models that the meter has never seen."""

import copy
import io
import random
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flops_meter import FlopsMeter
from flops_meter.hosts.making import go_on, meter_for
from flops_meter.journal import Settings
from tests.meter.against_torch import QUIET, close, counted_by_torch
from tests.meter.tiny import TinyDecoder, rows

STEPS = 4


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))


Z = torch.randn(24, 32)


def test_forward_before_the_block_or_in_it() -> None:
    model = TinyDecoder()
    batch = rows(4, 32)
    expected = counted_by_torch(lambda: model(**batch).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step(tokens=128):
            model(**batch).backward()
    for _ in range(STEPS):
        loss = model(**batch)
        with meter.step(tokens=128):
            loss.backward()
    assert meter.model_flop == 2 * STEPS * expected
    assert (meter.padding_flop, meter.totals.tokens) == (0, 2 * STEPS * 128)
    assert isinstance(meter.model_flop, int)


def no_block(meter: FlopsMeter, model: nn.Module) -> None:
    model(Z).sum().backward()


def two_and_two(meter: FlopsMeter, model: nn.Module) -> None:
    with meter.step():
        first, second = model(Z).sum(), model(Z).sum()
        first.backward()
        second.backward()


def after_the_block(meter: FlopsMeter, model: nn.Module) -> None:
    with meter.step():
        loss = model(Z).sum()
    loss.backward()


def beside_a_teacher(meter: FlopsMeter, model: nn.Module) -> None:
    with torch.no_grad():
        target = copy_of(model)(Z)
    with meter.step():
        (model(Z) - target).pow(2).sum().backward()


def copy_of(model: nn.Module) -> nn.Module:
    plain = net()
    plain.load_state_dict(model.state_dict())
    return plain


def in_torchs_counter(meter: FlopsMeter, model: nn.Module) -> None:
    with FlopCounterMode(display=False) as forward:
        loss = model(Z).sum()
    with meter.step(), FlopCounterMode(display=False) as backward:
        loss.backward()
    assert forward.get_total_flops() + backward.get_total_flops() == counted_by_torch(lambda: net()(Z).sum().backward())


@pytest.mark.parametrize(
    ("loop", "passes"),
    [(no_block, 1), (two_and_two, 2), (after_the_block, 1), (beside_a_teacher, 1), (in_torchs_counter, 1)],
)
def test_ways_to_write_a_loop(loop: Callable[[FlopsMeter, nn.Module], None], passes: int) -> None:
    model = net()
    expected = counted_by_torch(lambda: net()(Z).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        loop(meter, model)
    assert meter.model_flop == STEPS * passes * expected


class WithHead(TinyDecoder):
    """Says which of its modules the vocabulary head is, as models of transformers do."""

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def test_forwards_and_backwards_in_steps_of_their_own() -> None:
    """As in a pipeline: forwards run on before the first backward comes, and backwards after the last forward."""
    model, batch = WithHead(), rows(2, 16)
    model.layers[0].requires_grad_(False)
    expected = counted_by_torch(lambda: model(**batch).backward())
    meter = FlopsMeter(model, settings=QUIET)
    waiting: list[torch.Tensor] = []
    for step in range(6 * STEPS):
        with meter.step():
            if step % 6 < 3:
                waiting.append(model(**batch))
            else:
                waiting.pop(0).backward()
    assert (meter.model_flop, meter.totals.inferred_flop) == (3 * STEPS * expected, 0)


@pytest.mark.parametrize("before", [False, True])
def test_products_between_the_output_and_the_loss(before: bool) -> None:
    """A contrastive loss multiplies all with all outside the model."""
    model = nn.Linear(32, 16)

    def loss() -> torch.Tensor:
        seen = model(Z)
        return (seen @ seen.T).logsumexp(0).sum()

    expected = counted_by_torch(lambda: loss().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        early = loss() if before else None
        with meter.step(tokens=24):
            (loss() if early is None else early).backward()
    assert meter.model_flop == STEPS * expected


class Zoo(nn.Module):
    """Layers without a module's shape in common."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(32, 32))
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.convolution = nn.Conv1d(32, 32, 3, padding=1)
        self.bilinear = nn.Bilinear(32, 32, 8)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        seen = values @ self.weight
        seen = self.attention(seen, seen, seen)[0]
        seen = self.convolution(seen.transpose(1, 2)).transpose(1, 2)
        return torch.einsum("bij,bkj->bik", seen, seen).sum() + self.bilinear(seen, seen).sum()


def test_products_of_its_own() -> None:
    model, values = Zoo(), torch.randn(4, 10, 32)
    expected = counted_by_torch(lambda: model(values).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step(tokens=40):
            model(values).backward()
    assert meter.model_flop == STEPS * expected


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("wanted", [False, True], ids=["data", "values that want gradients"])
def test_recurrent_layers(kind: type[nn.RNNBase], wanted: bool) -> None:
    """torch's counter does not see the kernel of an LSTM; without that kernel it sees every product."""
    model, values = kind(16, 32, 2, batch_first=True), torch.randn(2, 10, 16, requires_grad=wanted)
    with torch.backends.mkldnn.flags(enabled=False):
        expected = counted_by_torch(lambda: model(values)[0].sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            model(values)[0].sum().backward()
    assert meter.model_flop == STEPS * expected


class Parts(nn.Module):
    """Its parts are called, itself never."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(32, 64), nn.Linear(64, 8)

    def loss(self) -> torch.Tensor:
        return self.decoder(torch.relu(self.encoder(Z))).sum()


@pytest.mark.parametrize("before", [False, True])
def test_a_model_whose_parts_are_called(before: bool) -> None:
    """In the block everything is seen; before it the first forward is inferred, said so, and the parts are found."""
    model = Parts()
    expected = counted_by_torch(lambda: model.loss().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(20):
        early = model.loss() if before else None
        with meter.step():
            (model.loss() if early is None else early).backward()
    assert close(meter.model_flop, 20 * expected)
    assert (meter.totals.inferred_flop > 0) == before


def test_lengths_that_change_each_step_are_counted_a_few_times_only() -> None:
    """Exactly, from a polynomial in the sizes; torch's counter runs on seven of forty steps or so."""
    random.seed(3)
    model, plain = TinyDecoder(1), TinyDecoder(1)
    meter = FlopsMeter(model, settings=QUIET)
    watched: list[int] = []
    begin = meter._start_watching
    meter._start_watching = lambda: (watched.append(1), begin())[1]  # type: ignore[method-assign]
    expected = 0
    for _ in range(40):
        batch = rows(random.choice([1, 2, 4]), random.randint(8, 90))
        expected += counted_by_torch(lambda batch=batch: plain(**batch).backward())
        with meter.step():
            model(**batch).backward()
    assert meter.model_flop == expected
    assert len(watched) <= 12


def test_gradient_penalties_are_no_recomputation() -> None:
    model = net()

    def loss() -> torch.Tensor:
        values = Z.clone().requires_grad_()
        output = model(values).sum()
        (gradient,) = torch.autograd.grad(output, values, create_graph=True)
        return output + gradient.pow(2).sum()

    meter = FlopsMeter(model, settings=QUIET)
    once = None
    for _ in range(STEPS):
        with meter.step():
            loss().backward()
        once = once or meter.model_flop
    assert meter.model_flop == STEPS * once == meter.executed_flop
    assert once > 2 * counted_by_torch(lambda: net()(Z).sum().backward())


def test_a_forward_that_fails_counts_nothing_and_breaks_nothing() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.calls = nn.Linear(32, 4), 0

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            seen = self.linear(values)
            if self.calls == 2:
                raise ValueError
            return seen

    model = Fails()
    meter = FlopsMeter(model, settings=QUIET)
    done = 0
    for _ in range(STEPS):
        try:
            with meter.step():
                model(Z).sum().backward()
            done += 1
        except ValueError:
            pass
    assert done == STEPS - 1
    assert meter.model_flop == done * counted_by_torch(lambda: nn.Linear(32, 4)(Z).sum().backward())


def test_models_are_copied_and_saved_as_before() -> None:
    model = net()
    meter = FlopsMeter(model, settings=QUIET)
    teacher = copy.deepcopy(model)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    with torch.no_grad():
        loaded(Z)
    assert meter.reference_flop == 0
    with torch.no_grad():
        teacher(Z)
    assert meter.reference_flop == counted_by_torch(lambda: net()(Z))


def test_evaluation_reference_and_generation_stand_apart() -> None:
    model = net()
    forward = counted_by_torch(lambda: net()(Z))
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(3):
        with torch.no_grad():
            model(Z)  # in training: signal
        with torch.inference_mode(), meter.generation():
            model(Z)
        model.eval()
        with torch.inference_mode():
            model(Z)
        model.train()
    assert meter.model_flop == 0
    assert [meter.reference_flop, meter.generation_flop, meter.evaluation_flop] == [3 * forward] * 3


@pytest.mark.parametrize("how", ["wrapped", "inside", "in place"])
def test_compiled_models_stay_compiled(how: str) -> None:
    """Steps that are counted run uncompiled; the others are compiled, in one graph."""
    torch._dynamo.reset()
    from torch._dynamo.utils import counters

    counters.clear()
    model: Any = TinyDecoder()
    batch = rows(2, 16)
    expected = counted_by_torch(lambda: TinyDecoder()(**batch).backward())
    if how == "inside":
        meter = FlopsMeter(model, settings=QUIET)
        model = torch.compile(model, backend="aot_eager")
    else:
        model = torch.compile(model, backend="aot_eager") if how == "wrapped" else model
        if how == "in place":
            model.compile(backend="aot_eager")
        meter = FlopsMeter(model, settings=QUIET)
    for _ in range(3 * STEPS):  # some of them are counted again, uncompiled
        with meter.step():
            model(**batch).backward()
    assert meter.model_flop == 3 * STEPS * expected
    assert counters["stats"]["unique_graphs"] == 1 and not counters["graph_break"]


def test_an_error_inside_is_said_and_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOPS_METER_STRICT", "0")
    model = net()
    said: list[str] = []
    meter = FlopsMeter(model, settings=type(QUIET)(interval_seconds=0.0, write=said.append))
    with meter.step():
        model(Z).sum().backward()
    monkeypatch.setattr(meter, "_settle", lambda: 1 / 0)
    with meter.step():
        model(Z).sum().backward()
    assert meter.failure is not None and " failed=0 " in said[0] and " failed=1 " in said[1]


def test_kernels_that_show_no_operation_count_by_the_layers_size() -> None:
    """A product launched behind torch's back, as Triton kernels are: here with numpy."""

    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            context.save_for_backward(values, weight)
            return torch.from_numpy(values.detach().numpy() @ weight.detach().numpy().T)

        @staticmethod
        def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            values, weight = context.saved_tensors
            g = gradient.numpy()
            return torch.from_numpy(g @ weight.numpy()), torch.from_numpy(g.T @ values.numpy())

    class Layer(nn.Linear):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return Hidden.apply(values, self.weight)

    model = nn.Sequential(nn.Linear(32, 32, bias=False), Layer(32, 16, bias=False))
    plain = nn.Sequential(nn.Linear(32, 32, bias=False), nn.Linear(32, 16, bias=False))
    expected = counted_by_torch(lambda: plain(Z).pow(2).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            model(Z).pow(2).sum().backward()
    assert meter.model_flop == STEPS * expected


def test_tensor_parallel_shards_add_up_to_the_whole() -> None:
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
    from torch.testing._internal.distributed.fake_pg import FakeStore

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
    values = torch.randn(8, 64)
    expected = counted_by_torch(lambda: model(values).sum().backward())
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        parallelize_module(model, init_device_mesh("cpu", (2,)), {"0": ColwiseParallel(), "2": RowwiseParallel()})
        meter = FlopsMeter(model, settings=QUIET)
        for _ in range(STEPS):
            with meter.step():
                model(values).sum().backward()
        assert 2 * meter.model_flop == STEPS * expected
    finally:
        dist.destroy_process_group()


def test_killed_and_resumed_in_a_plain_loop(tmp_path: Any) -> None:
    """What a checkpoint kept goes on; what came after it and was lost is done again, and stands as discarded."""
    batch = rows(2, 16)
    said: list[str] = []

    def begin() -> tuple[nn.Module, FlopsMeter]:
        model = TinyDecoder()
        settings = type(QUIET)(interval_seconds=0.0, write=said.append, state_path=tmp_path / "state.json")
        return model, FlopsMeter(model, settings=settings)

    def train(model: nn.Module, meter: FlopsMeter, steps: int) -> None:
        for _ in range(steps):
            with meter.step():
                model(**batch).backward()

    model, meter = begin()
    train(model, meter, 3)
    one = meter.model_flop // 3
    state = meter.state_dict()
    train(model, meter, 2)
    del model, meter  # killed: nothing was closed
    said.clear()
    model, meter = begin()
    meter.load_state_dict(state)
    train(model, meter, 7)
    assert meter.model_flop == 10 * one
    words = dict(word.split("=") for word in said[-1].split()[1:])
    assert (words["attempt"], words["steps"], words["discarded_flop"]) == ("2", "10", str(2 * one))
    with pytest.raises(ValueError, match="state_dict"):
        meter.load_state_dict({"something": "else"})


def test_a_graph_that_is_kept_counts_each_backward() -> None:
    model = net()
    forward = counted_by_torch(lambda: net()(Z))
    whole = counted_by_torch(lambda: net()(Z).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            loss = model(Z).sum()
            loss.backward(retain_graph=True)
        with meter.step():
            loss.backward()
    assert meter.model_flop == STEPS * (2 * whole - forward)


def test_numbers_among_the_arguments_are_no_new_kind_of_call_for_ever() -> None:
    class Timed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(32, 4)

        def forward(self, values: torch.Tensor, step: int) -> torch.Tensor:
            return self.linear(values) * step

    model = Timed()
    meter = FlopsMeter(model, settings=QUIET)
    for step in range(400):
        with meter.step():
            model(Z, step=step).sum().backward()
    assert meter.model_flop == 400 * counted_by_torch(lambda: nn.Linear(32, 4)(Z).sum().backward())
    assert len(meter._keys) <= 257 and not meter._watching


class HeadInTheLoss(nn.Module):
    """The vocabulary head and the loss in one kernel that shows no operation, as Triton's cross-entropies are."""

    def __init__(self, hidden: bool) -> None:
        super().__init__()
        self.hidden = hidden
        self.embed, self.body = nn.Embedding(64, 16), nn.Linear(16, 16)
        self.head = nn.Linear(16, 64, bias=False)

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen = self.body(self.embed(input_ids)).flatten(0, 1)
        if not self.hidden:
            return self.head(seen).logsumexp(-1).sum()
        return Fused.apply(seen, self.head.weight)


class Fused(torch.autograd.Function):
    """With numpy."""

    @staticmethod
    def forward(context: Any, values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        context.save_for_backward(values, weight)
        return torch.tensor(float((values.detach().numpy() @ weight.detach().numpy().T).sum()), requires_grad=True)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return tuple(torch.zeros_like(each) for each in context.saved_tensors)  # type: ignore[return-value]


def test_a_head_fused_with_its_loss_counts_by_its_size() -> None:
    batch = rows(2, 16)
    expected = counted_by_torch(lambda: HeadInTheLoss(hidden=False)(**batch).backward())
    model = HeadInTheLoss(hidden=True)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            model(**batch).backward()
    assert meter.model_flop == STEPS * expected
    assert meter.totals.inferred_flop > 0


def test_two_meters_of_a_job_write_one_story(tmp_path: Any) -> None:
    """Two trainings in one process, as SFT and then DPO: the lines go on, and carry the sum."""
    from flops_meter.job import Job
    from flops_meter.lines import verify

    said: list[str] = []
    job = Job("arn:aws:sagemaker:eu-central-1:123456789012:training-job/two", "two")
    settings = type(QUIET)(interval_seconds=0.0, write=said.append, job=job, state_path=tmp_path / "state.json")
    for _ in range(2):
        model = net()
        meter = FlopsMeter(model, settings=settings)
        for _ in range(3):
            with meter.step():
                model(Z).sum().backward()
        meter.close()
    lines, breaks = verify(said, job.arn)
    assert not breaks
    assert lines[-1].number("model_flop") == 2 * meter.model_flop
    assert lines[-1].number("steps") == 6


@pytest.mark.parametrize("job", ["in a job", "outside of one"])
def test_going_on_twice_from_a_checkpoint_counts_it_once(job: str) -> None:
    """Three meters one after the other in one process, two of them from the same checkpoint."""
    from flops_meter.job import Job
    from flops_meter.lines import verify

    said: list[str] = []
    arn = f"arn:aws:sagemaker:eu-central-1:123456789012:training-job/{len(job)}" if job == "in a job" else "none"
    settings = type(QUIET)(interval_seconds=0.0, write=said.append, job=Job(arn, "again"))

    def train(state: dict[str, Any] | None, steps: int) -> FlopsMeter:
        model = net()
        meter = FlopsMeter(model, settings=settings)
        if state is not None:
            meter.load_state_dict(state)
        for _ in range(steps):
            with meter.step():
                model(Z).sum().backward()
        return meter

    first = train(None, 4)
    one, state = first.model_flop // 4, first.state_dict()
    first.close()
    train(state, 3).close()
    last = train(state, 5)
    last.close()
    first.close()
    assert last.model_flop == 9 * one
    words = {name: int(float(value)) for name, value in verify(said)[0][-1].words.items() if name in LAST_WORDS}
    assert words["model_flop"] == 9 * one and words["steps"] == 9
    if arn != "none":
        assert (words["discarded_flop"], words["attempt"]) == (3 * one, 3)
        assert verify(said, arn)[1] == [], "amounts of one attempt shrink"


LAST_WORDS = ("model_flop", "steps", "discarded_flop", "attempt")


def test_a_meter_that_goes_back_to_its_own_checkpoint_says_what_it_lost() -> None:
    model = net()
    meter = FlopsMeter(model, settings=QUIET)

    def train(steps: int) -> None:
        for _ in range(steps):
            with meter.step():
                model(Z).sum().backward()

    train(4)
    one, state = meter.model_flop // 4, meter.state_dict()
    for _ in range(2):
        train(3)
        meter.load_state_dict(state)
    train(2)
    assert (meter.model_flop, meter.totals.discarded_flop, meter.totals.steps) == (6 * one, 6 * one, 6)


class Hidden(nn.Module):
    """What a loss is made of stands elsewhere than on top of the output."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.second, self.how = nn.Linear(32, 16), nn.Linear(16, 16), how
        self.kept = torch.zeros(())

    def forward(self, rows: torch.Tensor) -> Any:
        inner = self.first(rows)
        outer = self.second(inner)
        self.kept = inner if self.how == "inside" else outer
        return {
            "attribute": None, "inside": outer, "beside": (inner.mean(), [outer]),
            "deep": {"a": {"b": {"c": {"d": {"e": outer}}}}},
        }[self.how]  # fmt: skip


@pytest.mark.parametrize("how", ["attribute", "inside", "beside", "deep"])
def test_a_loss_that_is_not_made_of_the_output(how: str) -> None:
    model = Hidden(how)

    def step() -> None:
        output = model(Z)
        model.kept.sum().backward()
        del output

    expected = counted_by_torch(step)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(8):
        with meter.step():
            step()
    assert meter.model_flop == 8 * expected
    assert (meter.totals.inferred_flop, meter.reference_flop) == (0, 0)


def test_a_model_in_another_thread_is_another_run() -> None:
    """A collator's encoder, a second meter: hooks on all modules hear them, counted they are not."""
    from threading import Thread

    models = [net(), nn.Sequential(nn.Linear(32, 64), nn.Linear(64, 4))]
    expected = [counted_by_torch(lambda each=each: each(Z).sum().backward()) for each in models]  # type: ignore[misc]
    meters = [FlopsMeter(each, settings=QUIET) for each in models]

    def train(model: nn.Module, meter: FlopsMeter) -> None:
        for _ in range(32):
            with meter.step():
                model(Z).sum().backward()

    threads = [Thread(target=train, args=pair) for pair in zip(models, meters, strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.model_flop for each in meters] == [32 * flop for flop in expected]
    assert torch._dynamo.eval_frame._stance.stance == "default", "the compiler is held off no more"
    assert not any(each.unknown_operations for each in meters)


def test_a_scripted_model_takes_no_hooks_and_is_counted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.script(net())
    expected = counted_by_torch(lambda: net()(Z).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            model(Z).sum().backward()
    assert meter.model_flop == STEPS * expected


def test_a_line_that_cannot_be_written_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(line: str) -> None:
        raise ValueError("I/O operation on closed file")

    monkeypatch.setenv("FLOPS_METER_STRICT", "0")
    model = net()
    meter = FlopsMeter(model, settings=Settings(interval_seconds=0.0, write=closed))
    with meter.step():
        model(Z).sum().backward()
    meter.close()
    assert meter.model_flop > 0


def test_a_meter_that_cannot_be_made_or_gone_on_with_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is not counted then, and neither are the steps before: the audit sees both."""
    monkeypatch.setenv("FLOPS_METER_STRICT", "0")
    assert meter_for(None, total_steps=4) is None  # type: ignore[arg-type]
    meter = meter_for(net(), total_steps=4)
    assert meter is not None
    go_on(meter, {"totals": {"model_flop": "many"}}, steps=7)
    assert meter.totals.uncounted_steps == 7
