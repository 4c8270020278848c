import pytest

from tests.editors.support import guide
from tests.editors.support.project import Project


@pytest.fixture
def project(tmp_path):
    """A folder for a real editor, with a home of its own."""
    project = Project(tmp_path)
    project.provide("coder-lsp")
    yield project
    project.end_programs()


@pytest.fixture(scope="session")
def guided_project(tmp_path_factory):
    """A folder for editors installed as the guide says; its commands for the server were run.

    ``project.clone`` is the clone in which the guide's commands are run.
    """
    base = tmp_path_factory.mktemp("guided")
    project = Project(base)
    guide.copy_clone(project.clone)
    guide.follow(guide.FIRST_SECTION, project.clone, project.environment)
    yield project
    project.end_programs()
