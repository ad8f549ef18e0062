"""One training step on fixed buffers: the same code runs kernel by kernel on a CPU and as one CUDA graph.

Nothing in a step waits for the device. The learning rate, which gradients are left out, averages and the
figures of the log are tensors on the device.
"""

from __future__ import annotations

import copy
import gc
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from .integer_layers import round_in_training
from .layers import enlarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Schedule
    from .fine_decoder import FineSynthesis
    from .integer_layers import Grid
    from .networks import Codec, Coded

__all__ = ["CaptureError", "Learner", "TrainingStep"]

_OUTLIER = 10.0  # A gradient so many times larger than usual is left out.
_WARM_UP = 3  # steps before a graph is recorded: libraries choose and load their kernels in them
_MOMENTUM = 0.9


class CaptureError(RuntimeError):
    """The step could not be recorded as a CUDA graph. This process can run no more steps."""


class Learner:
    """A network with its optimiser and its averaged weights.

    Args:
        net: to train; it is moved to the device.
        device: where.
        clip: gradient norm above which a step is scaled down.
        momentum: of Adam's mean of gradients.
    """

    def __init__(
        self, net: nn.Module, device: torch.device, clip: float, momentum: float = _MOMENTUM
    ) -> None:
        self.net = net.to(device)
        self.averaged = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.clip = clip
        self.learning_rate = torch.zeros((), device=device)
        self.usual_norm = torch.zeros((), device=device)
        self._parameters = list(self.net.parameters())
        self._averages = list(self.averaged.parameters())
        self.optimiser = torch.optim.Adam(
            self._parameters,
            lr=self.learning_rate,
            betas=(momentum, 0.99),
            fused=True,
            capturable=device.type == "cuda",
        )

    @torch.no_grad()
    def update(self, hold: Tensor, blend: Tensor) -> tuple[Tensor, Tensor]:
        """Change weights by their gradients, then their averages.

        Args:
            hold: 1 where nothing shall change, else 0.
            blend: how far averages move towards the weights.

        Returns:
            The gradient's norm, and 1 where the gradient was left out, else 0.
        """
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        usual = torch.where(self.usual_norm == 0, norm, self.usual_norm)
        good = norm < _OUTLIER * usual  # also false for what is no number
        # The bar rises with each finite gradient that is left out: a run cannot leave out all for good.
        raised = torch.where(torch.isfinite(norm), 1.02 * self.usual_norm, self.usual_norm)
        renewed = torch.where(good, 0.98 * usual + 0.02 * norm, raised)
        self.usual_norm.copy_(torch.where(hold > 0, self.usual_norm, renewed))
        left_out = (~good).float()
        # The fused kernel divides gradients by the first, and changes nothing where the second is 1.
        self.optimiser.grad_scale = ((norm + 1e-6) / self.clip).clamp(min=1.0)
        self.optimiser.found_inf = torch.maximum(left_out, hold)
        self.optimiser.step()
        moves = torch._foreach_sub(self._parameters, self._averages)
        torch._foreach_mul_(moves, blend * (1 - hold))
        torch._foreach_add_(self._averages, moves)
        return torch.where(good, norm, 0.0), left_out

    def to_dict(self) -> dict[str, Any]:
        """All that a step changes."""
        return {
            "model": self.net.state_dict(),
            "average": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict()["state"],
            "usual_norm": self.usual_norm,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of :meth:`to_dict`."""
        self.net.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["average"])
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state["optimiser"], "param_groups": groups})
        self.optimiser.param_groups[0]["lr"] = self.learning_rate  # loading has made a copy of it
        self.usual_norm.copy_(state["usual_norm"])


class TrainingStep:
    """A codec, and a fine decoder if there is one, with the buffers of a step.

    Args:
        codec: the codec; it learns unless the schedule's ``fine`` is ``frozen``.
        fine: the fine decoder.
        schedule: batch, crop, learning rates and the like.
        device: where.
        eager: no CUDA graph even on ``cuda``.
    """

    def __init__(
        self,
        codec: Codec,
        fine: FineSynthesis | None,
        schedule: Schedule,
        device: torch.device,
        *,
        eager: bool = False,
    ) -> None:
        self.schedule, self.device = schedule, device
        self.codec, self.fine = codec.to(device), fine
        self.learners: dict[str, Learner] = {}
        if schedule.fine in ("frozen", "perceptual"):
            codec.requires_grad_(False).eval()
        else:
            self.learners["codec"] = Learner(codec, device, schedule.clip)
        if fine is not None and schedule.fine != "perceptual":
            self.learners["fine"] = Learner(fine, device, schedule.clip)
        # Without AVX-512, a processor took fifteen times as long for bfloat16 as for float32.
        self.bfloat16 = device.type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        blocks = schedule.crop // 64
        self.crops = torch.zeros(
            schedule.batch, schedule.crop, schedule.crop, 3, dtype=torch.uint8, device=device
        )
        self.rate = torch.zeros(schedule.batch, device=device)
        self.roi_map = torch.zeros(schedule.batch, blocks, blocks, 1, device=device)
        self.blend = torch.zeros((), device=device)
        self.hold = torch.zeros((), device=device)
        self.names: list[str] = []
        self.newest: Tensor
        """What the log shows of the newest step, by :attr:`names`."""
        self._sums: Tensor
        self._count = 0
        self.name_figures(
            [
                "loss",
                "cost",
                "bpp",
                "bpp_z",
                "psnr",
                *(["fine_loss", "fine_psnr"] if fine is not None else []),
            ]
        )
        self.drop = True
        self.grids: Mapping[str, Grid] = {}
        self.eager = eager or device.type != "cuda"
        self.graph: Any = None

    def name_figures(self, names: list[str]) -> None:
        """Say what :meth:`backward` gives; what the updates of each network give comes after it."""
        prefixes = ["" if name == "codec" else f"{name}_" for name in self.learners]
        self.names = [*names, *(prefix + name for prefix in prefixes for name in ("norm", "left_out"))]
        self.newest = torch.zeros(len(self.names), device=self.device)
        self._sums = torch.zeros(len(self.names), device=self.device)

    def cast(self) -> torch.autocast:
        """Casts to half precision where the device is faster in it.

        They are not cached: a graph must hold all of them.
        """
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16, cache_enabled=False)

    @property
    def averaged(self) -> Codec:
        """The codec of averaged weights."""
        learner = self.learners.get("codec")
        return self.codec if learner is None else learner.averaged

    @property
    def averaged_fine(self) -> FineSynthesis | None:
        """The fine decoder, of averaged weights where it learns."""
        learner = self.learners.get("fine")
        return self.fine if learner is None else cast("FineSynthesis", learner.averaged)

    def compile(self) -> None:
        """Have ``torch.compile`` fuse the kernels of large networks that never round; on ``cuda`` alone."""
        if self.device.type == "cuda" and self.fine is not None:
            self.fine.compile()

    def enter(self, *, drop: bool, grids: Mapping[str, Grid]) -> None:
        """From now on drop symbols as the encoder does, or do not; and round to grids, if there are any."""
        if drop != self.drop or grids is not self.grids:
            self.graph = None
            self.drop, self.grids = drop, grids
            round_in_training(self.codec, self.grids)

    def run(self, crops: Tensor, rate: Tensor, roi_map: Tensor, *, fraction: float, keep: float) -> None:
        """One step.

        Args:
            crops: ``(batch, crop, crop, 3)`` uint8.
            rate: ``(batch,)``, positions between the anchors.
            roi_map: ``(batch, crop / 64, crop / 64, 1)``, octaves.
            fraction: learning rate as a fraction of its peak.
            keep: share of the averages that stays.

        Raises:
            CaptureError: the CUDA graph could not be recorded.
        """
        self.crops.copy_(crops)
        self.rate.copy_(rate)
        self.roi_map.copy_(roi_map)
        self.blend.fill_(1 - keep)
        for name, learner in self.learners.items():
            peak = self.schedule.learning_rate if name == "codec" else self.schedule.fine_learning_rate
            learner.learning_rate.fill_(fraction * peak)
        if self.eager:
            self.step()
        else:
            if self.graph is None:
                self.capture()
            self.graph.replay()
        self._count += 1

    def read(self) -> dict[str, float]:
        """Means of all steps since the last call, by name. This waits for the device."""
        means = (self._sums / max(1, self._count)).tolist()
        self._sums.zero_()
        self._count = 0
        return dict(zip(self.names, means, strict=True))

    def step(self) -> None:
        """What a CUDA graph records, or a CPU runs: forward, backward, clipping, Adam, averages."""
        for learner in self.learners.values():
            learner.optimiser.zero_grad(set_to_none=True)
        seen = self.backward()
        for learner in self.learners.values():
            seen += learner.update(self.hold, self.blend)
        self.newest.copy_(torch.stack([value.detach() for value in seen]))
        self._sums += torch.where(torch.isfinite(self.newest), self.newest, 0.0) * (1 - self.hold)

    def warm_up(self) -> None:
        """Steps that change no weights: libraries choose kernels in them, optimisers make their state."""
        self.hold.fill_(1)
        for _ in range(_WARM_UP):
            self.step()
        self.hold.fill_(0)

    def capture(self) -> None:
        """Record the step as a CUDA graph.

        The default generator is part of it: each replay draws what a step kernel by kernel would.

        Raises:
            CaptureError: it cannot be recorded.
        """
        self.graph = None
        gc.collect()
        torch.cuda.empty_cache()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.warm_up()
        torch.cuda.current_stream().wait_stream(stream)
        for learner in self.learners.values():
            learner.optimiser.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        gc.collect()
        gc.disable()  # A collection that frees device memory would spoil the recording.
        try:
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self.step()
        except RuntimeError as error:
            raise CaptureError(str(error)) from error
        finally:
            gc.enable()
        self.graph = graph

    def coding_loss(self, coded: Coded, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The loss of the codec: rate and distortion, weighed as the quality asks.

        Args:
            coded: what the codec made of ``picture``, ``(B, H, W, 3)`` in -0.5 to 0.5.

        Returns:
            The loss; and cost, bits for each pixel, those of them that z takes, and PSNR, all means.
        """
        weight = self.codec.error_weight(self.rate)
        distortion, psnr = self.distortion(coded.picture, picture)
        pixels = self.crops.shape[1] * self.crops.shape[2]
        bpp = (coded.bits_y + coded.bits_z) / pixels
        cost = weight * distortion + bpp
        loss = 0.1 * (cost / weight.sqrt()).mean()
        return loss, [cost.mean(), bpp.mean(), coded.bits_z.mean() / pixels, psnr]

    def fine_loss(self, fine: FineSynthesis, coded: Coded, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What a fine decoder shows, its loss, and its mean PSNR.

        Nothing of the loss reaches the codec, so that both can go backwards at once.
        """
        with self.cast():
            shown = fine(coded.latent.detach(), self.rate, self.roi_map)
        distortion, psnr = self.distortion(shown, picture)
        return shown, 0.1 * (self.codec.error_weight(self.rate).sqrt() * distortion).mean(), psnr

    def distortion(self, shown: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Distortion ``(B,)``, and mean PSNR."""
        # A block whose steps are finer by k octaves counts 4^k times as much.
        local = enlarge(torch.exp2(2 * self.roi_map), 64)
        squares = (256.0 * (shown - picture)).square()
        mse = squares.detach().flatten(1).mean(1)
        return (local * squares).flatten(1).mean(1), (10 * torch.log10(255.0**2 / mse)).mean()

    def backward(self) -> list[Tensor]:
        """Gradients of all losses; gives what the log shows."""
        picture = (self.crops.float() - 128) / 256
        frozen = "codec" not in self.learners
        with self.cast(), torch.set_grad_enabled(not frozen):
            coded = self.codec(picture, self.rate, self.roi_map, noise=not frozen, drop=self.drop)
        loss, figures = self.coding_loss(coded, picture)
        seen = [loss, *figures]
        total = loss.new_zeros(()) if frozen else loss
        if self.fine is not None:
            _, fine_loss, fine_psnr = self.fine_loss(self.fine, coded, picture)
            seen += [fine_loss, fine_psnr]
            total = total + fine_loss
        total.backward()
        return seen
