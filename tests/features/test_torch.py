import numpy as np
import pytest
import torch
from torch import nn

from pgic_core.errors import PgiOptionError
from pgic_core.features import decode_features, encode_features
from pgic_core.features.torch import FeatureCodec, decode_tensors, split_at


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_come_back_in_their_type(dtype):
    values = torch.relu(torch.randn(2, 6, 9, 9, generator=torch.Generator().manual_seed(0))).to(dtype)
    values.requires_grad_(True)
    data = encode_features(values, codec="pgic", qp=0)
    back = decode_tensors(data)
    assert back.dtype == dtype
    assert (back.float() - values.float()).abs().max() < 0.05
    if dtype == torch.bfloat16:
        plain = decode_features(data)
        assert plain.dtype == np.float32
        assert torch.equal(torch.from_numpy(plain).to(dtype).float(), torch.from_numpy(plain))


def test_bfloat16_rounding_is_torchs():
    from pgic_core.features.feature_arrays import round_to_bfloat16

    values = torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 1e3
    expected = values.to(torch.bfloat16).float()
    assert torch.equal(torch.from_numpy(round_to_bfloat16(values.numpy())), expected)


class Network(nn.Module):
    """Children in order with a flattening in between, as torchvision's classifiers are."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
        )
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(64, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


@pytest.mark.parametrize("layer", ["features", "features.1", "features.0", "avgpool", "classifier"])
def test_two_halves_make_the_whole(layer):
    torch.manual_seed(0)
    model = Network().eval()
    picture = torch.randn(2, 3, 33, 35)
    front, back = split_at(model, layer)
    assert torch.equal(back(front(picture)), model(picture))
    assert {*front.state_dict(), *back.state_dict()} == set(model.state_dict())
    if layer == "classifier":
        return
    codec = FeatureCodec(codec="pgic", qp=4)
    answer = nn.Sequential(front, codec, back)(picture)
    assert (answer - model(picture)).abs().max() < 0.05
    assert 0 < codec.bytes_coded < codec.bytes_plain
    assert "qp=4" in repr(codec)
    assert torch.equal(back(codec.decompress(codec.compress(front(picture)))), answer)


class Branching(nn.Module):
    """A shortcut, and steps that are no layers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.end = nn.Linear(4, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.end((x + self.block(x)).mean((2, 3)))


def test_what_happens_between_layers_is_kept():
    model = Branching().eval()
    picture = torch.randn(1, 3, 8, 8)
    front, back = split_at(model, "stem")
    assert torch.equal(back(front(picture)), model(picture))
    with pytest.raises(PgiOptionError, match=r"behind block\.0 also needs relu"):
        split_at(model, "block.0")


def test_pyramids_pass_through_the_module():
    levels = {"p3": torch.rand(1, 4, 8, 8), "p4": torch.rand(1, 4, 4, 4)}
    back = FeatureCodec(packing="tile", qp=10)(levels)
    assert {name: tensor.shape for name, tensor in back.items()} == {n: t.shape for n, t in levels.items()}
    listed = FeatureCodec(codec="pgic")(list(levels.values()))
    assert [tensor.shape for tensor in listed] == [t.shape for t in levels.values()]


def test_layers_that_are_not_there_are_refused():
    with pytest.raises(PgiOptionError, match="features, avgpool, classifier"):
        split_at(Network(), "layer3")
    with pytest.raises(PgiOptionError, match=r"'avgpool\.0'"):
        split_at(Network(), "avgpool.0")


def test_what_cannot_be_traced_is_refused():
    class Moody(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(PgiOptionError, match="cannot trace"):
        split_at(Moody(), "layer3")
