"""Which files look like secrets: nothing of them is kept on disk or shown to another document.

Told by the name alone, never by the content, so a file may be wrongly left out, at the cost of a
slower completion; a secret in a file of an ordinary name is not found.
"""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from urllib.parse import unquote

_NAMES = (
    # Environments and what tools keep their log-ins in
    ".env", ".env.*", "*.env", ".envrc", ".npmrc", ".yarnrc*", ".pypirc", ".netrc", "_netrc",
    ".git-credentials", ".pgpass", ".my.cnf", ".dockercfg", ".htpasswd", "htpasswd", ".boto",
    ".s3cfg", ".vault-token", "*.ovpn", "kubeconfig*", "*.kubeconfig",
    "service-account*.json", "service_account*.json", "serviceaccount*.json",
    # Files that say what they are
    "credentials*", "*.credentials", ".credentials*", "secret", "secret.*", "secrets*", "*.secret",
    "*.secrets", ".secrets*", "passwords*", "passwd", "shadow", "*_history",
    # Keys, certificates with keys, and stores of them
    "*.pem", "*.key", "*.pfx", "*.p12", "*.p8", "*.ppk", "*.pkcs12", "*.jks", "*.keystore", "*.asc",
    "*.gpg", "*.pgp", "*.age", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.kdb", "*.kdbx",
    "*.keychain*", "*.agilekeychain", "*.1pux", "*.wallet", "wallet.dat",
    # Infrastructure that holds secrets in plain text
    "*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json", "*vault*.yml", "*vault*.yaml",
)  # fmt: skip
_FOLDERS = frozenset(
    (".ssh", ".aws", ".azure", ".gcp", ".gcloud", "gcloud", ".kube", ".docker", ".gnupg", ".gpg",
     ".password-store", "secrets", ".secrets", "credentials", ".credentials", ".env")
)  # fmt: skip


def looks_secret(uri: str) -> bool:
    """Whether the file's name, or a folder on the way to it, tells of secrets.

    Takes a URI or a path, with either kind of slash; case does not matter.
    """
    path = PurePosixPath(unquote(uri).replace("\\", "/").lower())
    if not _FOLDERS.isdisjoint(path.parts[:-1]):
        return True
    return any(fnmatchcase(path.name, pattern) for pattern in _NAMES)
