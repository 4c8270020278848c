"""Emacs by its real keys, with lsp-mode and with eglot: what it shows, and what lies on disk."""

import pytest

from tests.editors.emacs.emacs_driver import EglotDriver, LspModeDriver
from tests.editors.support.scenarios import check_scenario, scenarios_for

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(LspModeDriver))
def test_scenario_with_lsp_mode(scenario, project):
    check_scenario(LspModeDriver, scenario, project)


@pytest.mark.parametrize("scenario", scenarios_for(EglotDriver))
def test_scenario_with_eglot(scenario, project):
    check_scenario(EglotDriver, scenario, project)
