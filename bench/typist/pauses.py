"""How long a typist waits before a key.

Between keys: log-normal with the mean, 238 ms, and the standard deviation, 111 ms, of the inter-key
intervals of 168,000 typists (Dhakal, Feit, Kristensson and Oulasvirta 2018, "Observations on Typing
from 136 Million Keystrokes", CHI 2018). That study's people copied sentences; programmers also
think. Before half of the lines and before work at another place there is therefore a longer pause,
log-normal with the median 1.2 s: our assumption, for which we know no published figure.
"""

import math
import random

MEAN_MS = 238.0
STANDARD_DEVIATION_MS = 111.0
THINKING_MEDIAN_MS = 1200.0
THINKING_SIGMA = 0.6

_SIGMA = math.sqrt(math.log(1 + (STANDARD_DEVIATION_MS / MEAN_MS) ** 2))
_MU = math.log(MEAN_MS) - _SIGMA**2 / 2


def key_pause_ms(chance: random.Random) -> int:
    """Draw the pause before a key within a line; at least 1 ms, so that keys keep their order."""
    return max(1, round(chance.lognormvariate(_MU, _SIGMA)))


def thinking_pause_ms(chance: random.Random) -> int:
    """Draw the pause before a line, or before work at another place."""
    return round(chance.lognormvariate(math.log(THINKING_MEDIAN_MS), THINKING_SIGMA))
