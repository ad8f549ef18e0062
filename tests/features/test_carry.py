import numpy as np
import pytest

from pgic_core.container import Compression, ImageFields, PgiReader, build_file
from pgic_core.errors import PgiError, PgiFormatError
from pgic_core.features import decode_features, encode_features
from pgic_core.features.features_in_file import EXTENSION_KEY, attach_features, features_file, read_features


def stream():
    return encode_features(np.random.default_rng(0).normal(size=(3, 9, 7)).astype(np.float32), codec="pgic")


def test_beside_a_picture():
    fields = ImageFields(0, 2, 1, 8, Compression.RAW)
    plain = build_file(fields, b"opaque", extension={"vendor.note": "kept"})
    assert read_features(plain) is None
    carrying = attach_features(plain, stream())
    assert read_features(carrying) == stream()
    assert decode_features(read_features(carrying)).shape == (3, 9, 7)
    with PgiReader(carrying) as reader:
        reader.verify()
        assert reader.extension["vendor.note"] == "kept"
        assert reader.read_payload(0, reader.payload_length) == b"opaque"
    assert attach_features(carrying, stream()) == carrying


def test_instead_of_a_picture():
    from pgic_core.api import decode

    file = features_file(stream())
    assert read_features(file) == stream()
    assert np.asarray(decode(file)).size == 1


def test_what_is_no_feature_stream_is_not_carried():
    file = build_file(ImageFields(0, 1, 1, 8, 0), b"x", extension={EXTENSION_KEY: "text"})
    with pytest.raises(PgiFormatError, match="byte string"):
        read_features(file)
    with pytest.raises(PgiError):
        features_file(b"nothing")
    with pytest.raises(PgiError):
        attach_features(file, b"nothing")
