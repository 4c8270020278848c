import pytest

from coder_lsp.documents.secret_files import looks_secret

SECRET = [
    "file:///home/me/app/.env",
    "file:///home/me/app/.env.production",
    "file:///home/me/app/prod.env",
    "file:///home/me/.ssh/config",
    "file:///home/me/.AWS/config",
    "file:///home/me/keys/id_rsa",
    "file:///home/me/keys/ID_ED25519.pub",
    "file:///srv/tls/server.PEM",
    "file:///srv/tls/server.key",
    "file:///c%3A/Users/me/.gnupg/pubring",
    "c:\\Users\\me\\.aws\\config",
    "file:///home/me/app/%2Eenv",
    "file:///home/me/app/secrets.yaml",
    "file:///home/me/app/secrets/notes.txt",
    "file:///home/me/app/credentials.json",
    "file:///home/me/.netrc",
    "file:///home/me/.npmrc",
    "file:///home/me/pass.kdbx",
    "file:///home/me/infra/terraform.tfstate",
    "file:///home/me/infra/terraform.tfstate.backup",
    "file:///home/me/.htpasswd",
    "file:///home/me/.bash_history",
]
ORDINARY = [
    "file:///home/me/app/main.py",
    "file:///home/me/app/environment.ts",
    "file:///home/me/app/src/secretary.go",
    "file:///home/me/app/keyboard.rs",
    "file:///home/me/app/config.json",
    "file:///home/me/env/lib/site.py",
    "untitled:Untitled-1",
    "",
]


@pytest.mark.parametrize("uri", SECRET)
def test_a_secret_is_told_by_its_name_or_folder(uri):
    assert looks_secret(uri)


@pytest.mark.parametrize("uri", ORDINARY)
def test_ordinary_names_are_no_secrets(uri):
    assert not looks_secret(uri)
