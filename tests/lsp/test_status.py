"""What the server says it is at: each change once, nothing that passes in a moment."""

import asyncio

from coder_lsp.lsp.status import GONE_AFTER_SECONDS, SHOWN_AFTER_SECONDS, StatusBoard
from coder_lsp.lsp.switch import Switch


class Board:
    """A status board, and the kinds and percentages that it sent."""

    def __init__(self) -> None:
        self.sent = []
        self.switch = Switch(self._update)
        self.board = StatusBoard(self.switch, self.sent.append)

    def _update(self):
        self.board.update()

    @property
    def kinds(self):
        return [status.kind for status in self.sent]


async def ready_board():
    board = Board()
    board.board.end_loading(board.board.begin_loading(), "m")
    board.sent.clear()
    return board


def run(scenario):
    return asyncio.run(scenario())


def test_loading_from_start_to_end():
    async def scenario():
        board = Board()
        board.board.update()
        board.board.end_loading(board.board.begin_loading(), "m")
        return board

    board = run(scenario)
    assert board.kinds == ["starting", "loading", "ready"]
    assert "m" in board.sent[-1].message


def test_what_was_fallen_back_from_is_said_beside_the_model():
    async def scenario():
        board = Board()
        remarks = ("Completions run on the CPU.",)
        board.board.end_loading(board.board.begin_loading(), "m", remarks=remarks)
        board.board.end_loading(board.board.begin_loading(), "m")
        return board

    shown = [status.message for status in run(scenario).sent if status.kind == "ready"]
    assert shown == ["Ready: m. Completions run on the CPU.", "Ready: m"]


def test_only_the_latest_loading_counts():
    async def scenario():
        board = Board()
        first, second = board.board.begin_loading(), board.board.begin_loading()
        board.board.end_loading(first, None, "first failed")
        board.board.end_loading(second, "second")
        return board

    assert run(scenario).kinds == ["loading", "ready"]


def test_an_error_stays_until_something_succeeds():
    async def scenario():
        board = await ready_board()
        board.board.fail("do this")
        board.board.fail("do this")
        board.board.succeed()
        board.board.succeed()
        loading = board.board.begin_loading()
        board.board.end_loading(loading, None, "do that")
        board.board.succeed()
        return board

    board = run(scenario)
    assert board.kinds == ["error", "ready", "loading", "error"]
    assert board.sent[0].message == "do this"
    assert board.sent[-1].message == "do that"


def test_a_quick_generation_is_not_shown():
    async def scenario():
        board = await ready_board()
        for _ in range(5):
            with board.board.waiting():
                await asyncio.sleep(0)
        await asyncio.sleep(2 * SHOWN_AFTER_SECONDS)
        return board

    assert run(scenario).kinds == []


def test_busy_does_not_flicker_between_two_requests():
    async def scenario():
        board = await ready_board()
        for _ in range(2):
            with board.board.waiting():
                await asyncio.sleep(2 * SHOWN_AFTER_SECONDS)
        await asyncio.sleep(2 * GONE_AFTER_SECONDS)
        return board

    assert run(scenario).kinds == ["busy", "ready"]


def test_warming_up_is_told_in_per_cent_while_ready_or_busy():
    async def scenario():
        board = await ready_board()
        board.board.warm_up(1)
        await asyncio.sleep(2 * SHOWN_AFTER_SECONDS)
        board.board.warm_up(2)
        board.board.warm_up(2)
        with board.board.waiting():
            await asyncio.sleep(2 * SHOWN_AFTER_SECONDS)
        board.board.end_warming_up()
        await asyncio.sleep(2 * GONE_AFTER_SECONDS)
        return board

    sent = run(scenario).sent
    assert [(s.kind, s.progress) for s in sent[:3]] == [("ready", 1), ("ready", 2), ("busy", 2)]
    assert sent[1].message == "warming up, 2 %"
    assert (sent[-1].kind, sent[-1].progress) == ("ready", None)


def test_off_and_snoozed_hide_everything_else():
    async def scenario():
        board = await ready_board()
        board.board.fail("do this")
        board.switch.turn(on=False)
        assert board.switch.snooze(60) == 0  # what is off stays off
        board.switch.turn(on=True)
        board.switch.snooze(60)
        board.switch.snooze(0)
        board.switch.snooze(0.01)
        await asyncio.sleep(0.1)
        return board

    assert run(scenario).kinds == ["error", "off", "error", "snoozed", "error", "snoozed", "error"]


def test_a_suggestion_is_made_from_the_first_completion_on():
    async def scenario():
        board = Board()
        board.board.end_loading(board.board.begin_loading(), "mini", suggestion="Install more.")
        board.board.succeed()
        board.board.succeed()
        board.board.end_loading(board.board.begin_loading(), "other")
        board.board.succeed()
        return board

    sent = run(scenario).sent
    assert [s.suggestion for s in sent] == [None, None, "Install more.", None, None]
