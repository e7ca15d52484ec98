"""The certificate by which Terraform knows the plugin that it started, made once a mirror and not at every start."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

CERTIFICATE = "certificate.pem"
KEY = "key.pem"


def make_identity(directory: Path) -> None:
    """Write a key of a day and its certificate for `localhost`, the name that Terraform expects of every plugin."""
    # A plugin that starts needs the two names above, and not these imports.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / KEY).touch(mode=0o600)
    (directory / KEY).write_bytes(private)
