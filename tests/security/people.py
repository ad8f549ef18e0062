"""Keys and certificates of people who sign, made anew for each test run."""

from __future__ import annotations

import datetime
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pgic_core import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

PEM = serialization.Encoding.PEM
DOCUMENTS = "1.3.6.1.5.5.7.3.36"
SERVERS = "1.3.6.1.5.5.7.3.1"
MAKERS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
}


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    subject: str,
    issuer: str,
    public: Any,
    signer: Any,
    *,
    ca: bool = False,
    signs: bool = True,
    purpose: str = DOCUMENTS,
    days: tuple[int, int] = (-1, 300),
) -> x509.Certificate:
    """A certificate of ``public``, signed by ``signer``; ``days`` from now is it valid."""
    now = datetime.datetime.now(datetime.UTC)
    usage = (signs and not ca, False, False, not signs, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days[0]))
        .not_valid_after(now + datetime.timedelta(days[1]))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(x509.KeyUsage(*usage), critical=True)
    )
    if not ca:
        usages = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose)])
        builder = builder.add_extension(usages, critical=False)
    return builder.sign(signer, hashes.SHA256())


class Authority:
    """Somebody who stamps the time, by ``openssl ts``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        now = datetime.datetime.now(datetime.UTC)
        made = []
        for subject, public, ca in (("Time root", root, True), ("Time", key, False)):
            builder = (
                x509.CertificateBuilder()
                .subject_name(name(subject))
                .issuer_name(name("Time root"))
                .public_key(public.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(1))
                .not_valid_after(now + datetime.timedelta(30))
                .add_extension(x509.BasicConstraints(ca, None), critical=True)
            )
            if not ca:
                usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
                builder = builder.add_extension(usage, critical=True)
            made.append(builder.sign(root, hashes.SHA256()).public_bytes(PEM))
        self.root.write_bytes(made[0])
        (folder / "time.pem").write_bytes(made[1])
        (folder / "key.pem").write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        (folder / "serial").write_text("01\n")
        (folder / "ts.cnf").write_text(
            f"[tsa]\ndefault_tsa=t\n[t]\nserial={folder / 'serial'}\nsigner_digest=sha256\n"
            "default_policy=1.2.3.4\ndigests=sha256,sha512\n"
        )

    def answer(self, request: bytes) -> bytes:
        query, reply = self.folder / "q.tsq", self.folder / "r.tsr"
        query.write_bytes(request)
        command = ["openssl", "ts", "-reply", "-queryfile", query, "-config", "ts.cnf"]
        command += ["-signer", "time.pem", "-inkey", "key.pem", "-out", reply]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return reply.read_bytes()


@dataclass(frozen=True)
class Person:
    """Somebody who signs.

    Attributes:
        key: PEM file of the private key.
        public: PEM file of the public key.
        chain: PEM file of the certificate.
        root: PEM file of who vouches for it.
        root_key: PEM file of its private key.
    """

    key: Path
    public: Path
    chain: Path
    root: Path
    root_key: Path

    def signer(self, *, certified: bool = True) -> SigningKey:
        return SigningKey(self.key, self.chain if certified else None)


def make_person(folder: Path, who: str, algorithm: str = "ed25519", **leaf: Any) -> Person:
    """A person with a root of their own."""
    root, key = MAKERS["ecdsa-p256"](), MAKERS[algorithm]()
    top = certificate("Root of " + who, "Root of " + who, root.public_key(), root, ca=True, days=(-60, 300))
    own = certificate(who, "Root of " + who, key.public_key(), root, **leaf)
    folder.mkdir()
    names = ("key.pem", "public.pem", "chain.pem", "root.pem", "root.key")
    person = Person(*(folder / each for each in names))
    person.root_key.write_bytes(
        root.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    person.key.write_bytes(
        key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    person.public.write_bytes(
        key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    person.chain.write_bytes(own.public_bytes(PEM))
    person.root.write_bytes(top.public_bytes(PEM))
    return person


def crl(
    person: Person,
    path: Path,
    *,
    revoked: bool,
    issued: int = -1,
    ends: int | None = 30,
    since: int = -1,
    extension: x509.ExtensionType | None = None,
    signer: Any = None,
    pem: bool = True,
) -> Path:
    """A list by the root of a person, which may name their certificate; times in days from now."""
    now = datetime.datetime.now(datetime.UTC)
    root = x509.load_pem_x509_certificate(person.root.read_bytes())
    own = x509.load_pem_x509_certificate(person.chain.read_bytes())
    builder = x509.CertificateRevocationListBuilder(issuer_name=root.subject)
    builder = builder.last_update(now + datetime.timedelta(issued))
    builder = builder.next_update(now + datetime.timedelta(3650 if ends is None else ends))
    if revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(own.serial_number)
        builder = builder.add_revoked_certificate(
            entry.revocation_date(now + datetime.timedelta(since)).build()
        )
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    key = signer or serialization.load_pem_private_key(person.root_key.read_bytes(), None)
    made = builder.sign(key, hashes.SHA256())
    path.write_bytes(made.public_bytes(PEM if pem else serialization.Encoding.DER))
    return path


SM2_OPTION = ("-sm3", "-sigopt", "distid:1234567812345678")


def openssl(*arguments: object, data: bytes = b"") -> bytes:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def sm2_key(path: Path) -> Path:
    path.write_bytes(openssl("genpkey", "-algorithm", "SM2"))
    return path


def sm2_certificate(
    folder: Path, who: str, key: Path, issuer: tuple[Path, Path] | None, *extensions: str, days: int = 300
) -> Path:
    """A certificate by the system's OpenSSL; ``issuer`` is its certificate and key, None for a root."""
    own = folder / f"{who}.pem"
    subject = ("-subj", f"/CN={who}")
    if issuer is None:
        added = [word for extension in extensions for word in ("-addext", extension)]
        made = openssl("req", "-x509", "-new", "-key", key, *SM2_OPTION, *subject, "-days", days, *added)
    else:
        request = openssl("req", "-new", "-key", key, *SM2_OPTION, *subject)
        (folder / "extensions").write_text("\n".join(extensions) + "\n")
        made = openssl(
            *("x509", "-req", "-CA", issuer[0], "-CAkey", issuer[1], "-CAcreateserial", "-days", days),
            *("-vfyopt", "distid:1234567812345678", *SM2_OPTION, "-extfile", folder / "extensions"),
            data=request,
        )
    own.write_bytes(made)
    return own


def make_sm2_person(folder: Path, who: str, *extensions: str, days: int = 300) -> Person:
    """A person of the national suite with a root of their own."""
    folder.mkdir()
    root_key, key = sm2_key(folder / "root.key"), sm2_key(folder / "key.pem")
    root = sm2_certificate(folder, "root", root_key, None)
    leaf = extensions or ("basicConstraints=critical,CA:false", "keyUsage=critical,digitalSignature")
    chain = sm2_certificate(folder, who, key, (root, root_key), *leaf, days=days)
    public = folder / "public.pem"
    public.write_bytes(openssl("pkey", "-in", key, "-pubout"))
    return Person(key, public, chain, root, root_key)
