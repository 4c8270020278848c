import pytest

from tests.editors.support.project import Project


@pytest.fixture
def project(tmp_path):
    """A folder for a real editor, with a home of its own."""
    project = Project(tmp_path)
    yield project
    project.end_servers()
