"""Streams that earlier versions wrote decode for ever: what an edge device has sent cannot be sent again."""

import base64

import numpy as np
import pytest

from pgic_core.features import decode_features


def ramp(shape):
    n = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    return np.maximum(((n * n * 7 + n * 13) % 101 - 60) / 8, 0).astype(np.float32)


def smooth(shape):
    c, y, x = np.indices(shape)
    return ((x * y + 3 * c * x - 2 * y) / 16).astype(np.float32)


MAPS = ramp((5, 9, 8))
FROZEN = {
    # name: what was coded, the largest error, the stream in base 85
    "our coder, plain samples, QP 26": (
        MAPS,
        0.12,
        "i%>^K0VT4;X8-{pXaNNY2mk;800000m_PuP0RS#Lay|e682|wP000000RN%>07!qRE$w(oOrj6|&lA#SZ-"
        "N6z0WgFGPqw0rLn^RbEJj(_>#X$+@g+mSb>FWPmI9M~yt*hQlVX*~q7RwnGN@E>EYh=B%qOJ<`cDx^AM_-"
        "wA1BKmJ?+=eL8M!>>Kygo13Z}+Ux%mEQ@@+>_<<|xJ^k-Rik@$XFqM5fFW~",
    ),
    "our coder, transformed, QP 24.5": (
        smooth((4, 9, 10)),
        0.16,
        "i%>^K0fXQ*C;$N<VgUpR3IG5AfWH6$2|)lg0SXAsJ^%m!0074T001oj0Za1Z|1|Vxt_{G`Ht0P6906b#JGerPO5=akB+-"
        "6*b^mu`mj",
    ),
    "our coder, two names, no loss after a logarithm of 10 bits for each channel": (
        {"a": MAPS[:3].astype(np.float16), "b": MAPS[None, :2, :4]},
        0.02,
        "i%>^K0qoETk^%w&VIltk0|^K<9RL6Tc-muN0D&0}3~02>@vXL&eTQvBLvPvw09n@u<pAmd000026#xML000020RM7qJxRTsy"
        "%n%?@e(Z<7?&xQV@N(j|Iun%oyD~{*(uNIp%cY|{ok9}3^#NkbAjCc?4|X&xwNLH++`j_;-"
        "X>x#TVE=SEwG5;r5w^3!LA1D^hEy+eR#R?M*F~i{sbdIZ2P;uAVmm9VA@2bG=&!Qm|lySz}@C^^1Oi4h;lv{8Xn-"
        "5~ZC>J~#m}t3aYw)%&?t>!h?tI9A(RmNiEQ$LFm(BgE!*_$xSbTg;|2K=6pAmnSBfj7;o9;w7{)lK-"
        "z<;R?gG3=Do1?(pRDmr+dr_iYY$-"
        "H8EWB>w>d1PB!X000000E|EY000000GL1k0B$`10Pj5jP5=M^4gdfE{{jF21OWfAWGE?i{TX1f&`-"
        "=sstg4GK4@5ZFKuJTPy?HjFcoN<8+4%oR9w@k)VVwn9;4=94+Q?}8~!J{cB(Y)U*y{",
    ),
    "HEVC, ordered tiles, no loss after fitted intervals": (
        MAPS[:3],
        0.02,
        "i%>^K0fW7`m;eD7{{aID2qF~#004N}V_*P*84e7LBN~iw?*jm<_X5=c0M!Ek0003%0Sp2E{{#pC00RJ@$N&HX0094$m<a#?0"
        "0BY)0R#vD00RJ@$N&HX0095OA(mNLs`9y@AOHXZ03ZMW0|Oxd0003*0l{&p5&!@JC;_eua4)PlZt^+s?BQqq*5AQA`_H{?R@"
        "D_aHMLt*!GD7!q19M#lU1fTL9&g2rQLXKmw4mw`eC>t^d7fMeb(zseiwuD%wZ$lZJiyfea-"
        ">b5{I@q_)syagjy*rrdOrK?q$D{)<W5Z;v$pT+Q}a!9RF^U(WAQ0o}Oj(39uMU-"
        "~Wr(!m*(XJ$Qq2L~QQU?oDoY<rkK+^aZGRJXBBm8|crJM`=DmxnbnJHc@=XBaH*P;K18(#@8069(bk28N({&UiyOvYX7~;9C"
        "cVLdz|w(_c<SFDhVLlKI&yg?|K1ylM*jg!o}k!O%;iN?HOz=mvg-"
        "@I*OFQ8OG1=+*<kgBXSKzoiFUx*;8Md2oNAZm#=csQuXW9+qvHw$6)4_%^tNxY#KAa|C+xu3F6*69Aq5uInDeFdVV^b)gm(y"
        "=32)mlCq85=OcEZyTK1&N(&y2sDo3FP{xAgZhik{pR#;ERX}`3ZzHZjc&EQ5Z||O4VamT+x#}HY",
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_streams_of_the_first_version_decode(name):
    expected, error, stream = FROZEN[name]
    found = decode_features(base64.b85decode(stream))
    if not isinstance(expected, dict):
        expected, found = {"": expected}, {"": found}
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key].dtype == values.dtype
        assert np.abs(found[key].astype(np.float32) - values).max() <= error
