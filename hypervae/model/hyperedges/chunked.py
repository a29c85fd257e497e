"""Mode ``chunked``: as ``mlp``, some sets at a time, in memory that does not grow with them.

The forward pass streams over chunks of tokens with running results: the weighted sum, the maximum
and where it stands, and the softmax of each query with its running maximum and normalization
(arXiv:1805.02867). The backward pass computes each chunk again, with the final log-sum-exp of each
query, as FlashAttention-2 does (arXiv:2307.08691, algorithm 2). Kept in between are the inputs and
what does not depend on the number of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from hypervae.config import ModelConfig
from hypervae.model.attention import count_logits
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.heads import ListedHead
from hypervae.model.hyperedges.listed import ListedMode
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization


class _Random:
    """State of the generators that tell the draws of dropout apart."""

    def __init__(self, device: torch.device):
        self.device = device
        self.cpu = torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """The same random numbers as from where the state was taken."""
        devices = [] if self.cuda is None else [self.device]
        with torch.random.fork_rng(devices):
            torch.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda, self.device)
            yield


def _chunks(length: int, chunk: int) -> Iterator[slice]:
    for start in range(0, length, chunk):
        yield slice(start, min(start + chunk, length))


class _Chunked(torch.autograd.Function):
    """Weighted mean and maximum over tokens, and what queries read of them."""

    @staticmethod
    def forward(
        ctx: Any,
        network: nn.Module,
        names: list[str],
        chunk: int,
        features: Tensor,
        count: Tensor,
        query: Tensor,
        keys: Tensor | None,
        values: Tensor | None,
        mask: Tensor,
        noise: JetNoise | None,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        device_type = features.device.type
        ctx.network, ctx.names, ctx.chunk, ctx.noise = network, names, chunk, noise
        ctx.autocast = {
            "device_type": device_type,
            "enabled": torch.is_autocast_enabled(device_type),
            "dtype": torch.get_autocast_dtype(device_type),
        }
        # dropout draws chunk by chunk; only then is there anything to draw again
        ctx.random = _Random(features.device) if network.training else None
        weights = dict(zip(names, parameters, strict=True))
        real = torch.promote_types(features.dtype, torch.float32)
        total = count.sum(dim=1, keepdim=True).clamp_min(1.0)
        query_real = query.to(real) * query.shape[-1] ** -0.5

        batch, width = len(features), query.shape[-1]
        mean = features.new_zeros(batch, width, dtype=real)
        highest = torch.full_like(mean, torch.finfo(real).min)
        place = torch.zeros_like(mean, dtype=torch.int64)
        read = query_real.new_zeros(query.shape)
        # finite, so that differences are; lower than any logit
        largest = query_real.new_full((*query.shape[:2], 1), torch.finfo(real).min)
        norm = torch.zeros_like(largest)
        for part in _chunks(features.shape[1], chunk):
            arguments = (features[:, part], count[:, part], keys, values, mask, noise)
            tokens = functional_call(network, weights, arguments).to(real)
            with torch.autocast(device_type, enabled=False):
                share = (count[:, part] / total).to(real)
                mean += torch.bmm(share.unsqueeze(1), tokens).squeeze(1)
                absent = (count[:, part] <= 0).unsqueeze(-1)
                here, index = tokens.masked_fill(absent, torch.finfo(real).min).max(dim=1)
                place = torch.where(here > highest, index + part.start, place)
                highest = torch.maximum(highest, here)
                if query.shape[1]:
                    scores = _scores(query_real, tokens, count[:, part])
                    larger = torch.maximum(largest, scores.amax(dim=-1, keepdim=True))
                    shrink = (largest - larger).exp()
                    scores = scores.sub_(larger).exp_()
                    norm = norm * shrink + scores.sum(dim=-1, keepdim=True)
                    read = read * shrink + torch.bmm(scores, tokens)
                    largest = larger
        if query.shape[1]:
            read = read / norm
        total_log = largest + norm.log()  # the log-sum-exp of each query
        saved = (features, count, query, keys, values, mask, place, read, total_log)
        ctx.save_for_backward(*saved, *parameters)
        return mean, highest, read

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_mean: Tensor, d_highest: Tensor, d_read: Tensor
    ) -> tuple[Tensor | None, ...]:
        features, count, query, keys, values, mask = ctx.saved_tensors[:6]
        place, read, total_log, *parameters = ctx.saved_tensors[6:]
        real = d_mean.dtype
        total = count.sum(dim=1, keepdim=True).clamp_min(1.0)
        scale = query.shape[-1] ** -0.5
        query_real = query.to(real) * scale
        along = (d_read * read).sum(dim=-1, keepdim=True)
        d_query = torch.zeros_like(query_real)
        d_features = torch.zeros_like(features) if ctx.needs_input_grad[3] else None

        # what every chunk shares, as leaves of each chunk's own graph
        shared = {"keys": keys, "values": values}
        shared = {k: v.detach().requires_grad_() for k, v in shared.items() if v is not None}
        keys, values = shared.get("keys"), shared.get("values")
        weights = [p.detach().requires_grad_(p.requires_grad) for p in parameters]
        leaves = [*shared.values(), *(w for w in weights if w.requires_grad)]
        sums = [torch.zeros_like(leaf) for leaf in leaves]
        named = dict(zip(ctx.names, weights, strict=True))
        with ctx.random.again() if ctx.random is not None else _nothing():
            for part in _chunks(features.shape[1], ctx.chunk):
                inputs = features[:, part].detach().requires_grad_(d_features is not None)
                with torch.enable_grad(), torch.autocast(**ctx.autocast):
                    arguments = (inputs, count[:, part], keys, values, mask, ctx.noise)
                    tokens = functional_call(ctx.network, named, arguments)
                n = tokens.detach().to(real)
                share = (count[:, part] / total).to(real)
                d_tokens = share.unsqueeze(-1) * d_mean.unsqueeze(1)
                inside = (place >= part.start) & (place < part.stop)
                index = torch.where(inside, place - part.start, 0).unsqueeze(1)
                d_tokens.scatter_add_(1, index, (d_highest * inside).unsqueeze(1))
                if query.shape[1]:
                    weight = _scores(query_real, n, count[:, part]).sub_(total_log).exp_()
                    d_tokens += torch.bmm(weight.transpose(1, 2), d_read)
                    d_scores = torch.bmm(d_read, n.transpose(1, 2)).sub_(along).mul_(weight)
                    d_tokens += torch.bmm(d_scores.transpose(1, 2), query_real)
                    d_query += torch.bmm(d_scores, n)
                wanted = [*leaves, inputs] if d_features is not None else leaves
                found = torch.autograd.grad(
                    tokens, wanted, d_tokens.to(tokens.dtype), allow_unused=True
                )
                for sum_, gradient in zip(sums, found, strict=False):
                    if gradient is not None:
                        sum_ += gradient
                if d_features is not None:
                    d_features[:, part] = found[-1]
        rest = iter(sums)
        d_keys, d_values = (next(rest) if name in shared else None for name in ("keys", "values"))
        d_weights = [next(rest) if w.requires_grad else None for w in weights]
        d_query = (d_query * scale).to(query.dtype)
        first = (None, None, None, d_features, None)
        return (*first, d_query, d_keys, d_values, None, None, *d_weights)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _scores(query: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
    """[B, Q, chunk] logits of (already scaled) queries and tokens."""
    logits = count_logits(count).to(query.dtype).unsqueeze(1)
    return torch.baddbmm(logits, query, tokens.transpose(1, 2))


def chunked_summary(
    network: nn.Module,
    tokens: tuple[Tensor, Tensor],
    query: Tensor,
    read: tuple[Tensor | None, Tensor | None],
    mask: Tensor,
    noise: JetNoise | None,
    chunk: int,
) -> tuple[Tensor, Tensor]:
    """Mean and maximum over tokens, and what queries read of them, `chunk` tokens at a time.

    Parameters
    ----------
    network : TokenNetwork
        Without attention among tokens.
    tokens : (features, count)
        [B, T, F] and [B, T].
    query : [B, Q, width]
        Q may be 0.
    read : (keys, values)
        Of the particles, [B, heads, P, C]; None without cross-attention.
    mask : [B, P] bool
    noise : JetNoise, optional
        Of the B jets; see `hypervae.model.dropout.Dropout.forward`.
    chunk : int

    Returns
    -------
    summary : [B, 2 width]
    answer : [B, Q, width]
    """
    names, parameters = zip(*network.named_parameters(), strict=True)
    mean, highest, answer = _Chunked.apply(  # type: ignore[no-untyped-call]
        network,
        list(names),
        chunk,
        *tokens,
        query,
        *read,
        mask,
        noise,
        *parameters,
    )
    count = tokens[1]
    highest = torch.where((count > 0).any(dim=1, keepdim=True), highest, torch.zeros_like(highest))
    return torch.cat([mean, highest], dim=-1), answer


class ChunkedBranch(TokenBranch):
    """A branch that never holds all tokens, with the result of one that does."""

    def exchange(
        self,
        features: Tensor,
        count: Tensor,
        particles: Tensor,
        mask: Tensor,
        noise: JetNoise | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Summary and update, `chunk` tokens at a time; see `TokenBranch.exchange`.

        Parameters
        ----------
        features, count, particles, mask, noise
            See `TokenBranch.forward`.

        Returns
        -------
        summary : [B, 2 width]
        update : [B, P, S], optional
        """
        keys_and_values = self.particle_keys(particles)
        if self.reader is None:
            query = particles.new_zeros(len(particles), 0, self.width)
        else:
            query = self.reader.project(particles)
        summary, read = chunked_summary(
            self.network, (features, count), query, keys_and_values, mask, noise, self.chunk
        )
        return summary, None if self.reader is None else self.reader.finish(read)


class ChunkedHead(ListedHead):
    """A head that computes the sets again in the backward pass, some at a time."""

    def predict(
        self,
        ends: Tensor,
        members: Tensor,
        order: Tensor,
        present: Tensor,
        noise: JetNoise | None,
    ) -> Tensor:
        """[B, K, F]; see `ListedHead.predict`."""
        pieces = zip(torch.split(members, self.chunk), torch.split(order, self.chunk), strict=True)
        parts = [
            checkpoint(self.decode, ends, some, orders, None, noise, use_reentrant=False)
            for some, orders in pieces
        ]
        return torch.cat(parts, dim=1)


class Chunked(ListedMode):
    """One token for each set, as `mlp.MLP`, which has the same parameters and results."""

    def branch(self, config: BranchConfig, model: ModelConfig) -> TokenBranch:
        """The encoder's branch, chunk by chunk."""
        return ChunkedBranch(config)

    def head(self, config: ModelConfig, normalization: Normalization, scalars: int) -> ListedHead:
        """What predicts the sets, chunk by chunk."""
        return ChunkedHead(config, normalization, scalars, self.list_of(normalization))


CHUNKED = Chunked()
