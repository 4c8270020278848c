"""Ghost text beside Neovim's popup menu: another server's entries, and completions as entries."""

from functools import partial

import pytest

from tests.editors.neovim.neovim_driver import NeovimDriver
from tests.editors.support.scenarios import Scenario, answers_while_typing, check_scenario

pytestmark = pytest.mark.editors

_PYLSP = """
vim.lsp.config('pylsp', { cmd = { 'pylsp' }, filetypes = { 'python' } })
vim.lsp.enable('pylsp')
vim.api.nvim_create_autocmd('LspAttach', { callback = function(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  if client.name == 'pylsp' then
    vim.lsp.completion.enable(true, client.id, event.buf, { autotrigger = true })
  end
end })
function _G.num_servers() return #vim.lsp.get_clients() .. ' servers' end
vim.o.winbar = '%{v:lua.num_servers()}'
"""


_SHAPE = """\
class Shape:
    def arc(self): ...
    def area(self): ...
    def arx(self): ...


shape = Shape()
"""


@pytest.mark.parametrize(
    ("completeopt", "steps", "taken"),
    [
        pytest.param(
            "menuone,noselect",
            (("see", "ea() / 2"), ("accept",)),
            "shape.area() / 2",
            id="both are seen, and the ghost text is taken",
        ),
        pytest.param(
            "menuone,noselect",
            (("press", "C-n"), ("see", "() * 2"), ("accept",)),
            "shape.arc() * 2",
            id="the completion goes on from the entry that is selected",
        ),
        pytest.param(
            "menuone,noinsert,noselect",
            (
                ("see", "ea() / 2"),
                ("press", "Down"),
                ("see", "c() * 2"),
                ("press", "Down"),
                ("see", "ea() / 2"),
                ("press", "Up"),
                ("see", "c() * 2"),
                ("accept",),
            ),
            "shape.arc() * 2",
            id="the completion begins with the entry that is selected and not inserted",
        ),
        pytest.param(
            "menuone,noinsert,noselect",
            (("press", "Down", "Down", "Down"), ("see_nothing",), ("press", "C-y")),
            "shape.arx",
            id="a completion for another entry than the selected one is not shown",
        ),
        pytest.param(
            "menuone,noinsert,noselect",
            (("see", "ea() / 2"), ("press", "Down", "Tab")),
            "shape.ar    ",
            id="nor is it taken before the server has answered",
        ),
    ],
)
def test_beside_pylsp(project, completeopt, steps, taken):
    project.provide("pylsp")
    scenario = Scenario(
        "beside pylsp",
        before=f"{_SHAPE}‸\n",
        answers=(
            *answers_while_typing("shape.area() / 2", 6),
            {"prefix_ends_with": "shape.arc", "completion": "() * 2"},
        ),
        steps=(
            ("wait_for", "2 servers"),
            ("type_text", "shape."),
            ("wait_for", "arc()", "area()"),
            ("type_text", "ar"),
            ("wait_for", "arc()", "area()"),
            *steps,
            ("save",),
        ),
        after=f"{_SHAPE}{taken}\n",
    )
    more = f"{_PYLSP}\nvim.o.completeopt = '{completeopt}'"
    check_scenario(partial(NeovimDriver, more=more), scenario, project)


def test_completions_are_entries_of_the_popup_where_ghost_text_is_not_wanted(project):
    scenario = Scenario(
        "popup",
        before="‸\n",
        answers=answers_while_typing('print("hello")', 3, '\nprint("again")'),
        steps=(
            ("type_text", "pri"),
            ("press", "C-x", "C-o"),
            ("wait_for", 'print("hello")', "coder-lsp"),
            ("press", "C-y"),
            ("wait_for", 'print("again")'),
            ("save",),
        ),
        after='print("hello")\nprint("again")\n',
    )
    check_scenario(partial(NeovimDriver, options={"inline": False}), scenario, project)
