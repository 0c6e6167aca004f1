"""A stream spends less when pushes take too long, more when there has been room for a while."""

from __future__ import annotations

from avatar.stream.effort import PATIENCE_S, Effort, Level

PERIOD_S = 0.04
LEVELS = (Level(2, 1, 0.02), Level(1, 1, 0.01), Level(1, 2, 0.005))


PATIENCE_CHUNKS = round(PATIENCE_S / (2 * PERIOD_S))


def _effort() -> Effort:
    return Effort(LEVELS, period_s=PERIOD_S, chunk_frames=2)


NUM_OBSERVED = _effort().num_observed


def _spend(effort: Effort, frame_s: float, num_chunks: int) -> list[Level]:
    """Chunks of which one frame does all the work, as the model's do; returns the changes."""
    changes = []
    for _ in range(num_chunks):
        for duration_s in (0.0, 2 * frame_s):
            changed = effort.spent(duration_s)
            if changed is not None:
                changes.append(changed)
    return changes


def test_what_fits_stays() -> None:
    effort = _effort()
    assert _spend(effort, 0.037, 500) == []
    assert effort.level is LEVELS[0]


def test_too_slow_goes_down_one_level_at_a_time_and_not_below_the_last() -> None:
    effort = _effort()
    assert _spend(effort, 0.05, NUM_OBSERVED) == [LEVELS[1]]
    assert _spend(effort, 0.05, NUM_OBSERVED) == [LEVELS[2]]
    assert _spend(effort, 0.5, 10 * NUM_OBSERVED) == []


def test_a_few_slow_chunks_change_nothing() -> None:
    effort = _effort()
    for _ in range(40):
        assert _spend(effort, 0.02, NUM_OBSERVED) == []
        assert _spend(effort, 1.0, NUM_OBSERVED // 4) == []


def test_a_level_up_needs_room_for_what_it_costs() -> None:
    effort = _effort()
    _spend(effort, 0.05, NUM_OBSERVED)
    # One step takes 0.025; the second one more would take 0.01: 0.035 of 0.034 at most.
    assert _spend(effort, 0.025, 1000) == []
    assert _spend(effort, 0.015, NUM_OBSERVED) == [LEVELS[0]]


def test_each_failed_try_makes_it_wait_longer() -> None:
    effort = _effort()
    waits = []
    for _ in range(3):
        _spend(effort, 0.05, NUM_OBSERVED)
        assert effort.level is LEVELS[1]
        waited = 0
        while effort.level is LEVELS[1]:
            _spend(effort, 0.01, 1)
            waited += 1
        waits.append(waited)
    assert waits == [PATIENCE_CHUNKS, 2 * PATIENCE_CHUNKS, 4 * PATIENCE_CHUNKS]


def test_what_a_busy_start_took_away_is_tried_again_soon() -> None:
    """While a page loads, two levels are lost at once; neither had been tried too early."""
    effort = _effort()
    assert _spend(effort, 0.05, 2 * NUM_OBSERVED) == [LEVELS[1], LEVELS[2]]
    assert _spend(effort, 0.01, PATIENCE_CHUNKS - 1) == []
    assert _spend(effort, 0.01, 1) == [LEVELS[1]]


def test_chunks_of_two_costs_count_as_their_mean() -> None:
    """Every other chunk is corrected: half of them cost the model's time and half do not."""
    for dear_s, changes in ((0.05, []), (0.06, [LEVELS[1]])):
        effort = _effort()
        found: list[Level] = []
        for _ in range(NUM_OBSERVED // 2):
            for frame_s in (0.02, dear_s):
                found += _spend(effort, frame_s, 1)
        assert found == changes
    assert str(LEVELS[2]) == "1 denoise step, every 2nd chunk"


def test_a_stream_that_can_do_without_the_model_begins_so_and_climbs_where_there_is_room() -> None:
    levels = (Level(1, 1, 0.01), Level(1, 2, 0.005), Level(0, 1, 0.0))
    effort = Effort(levels, period_s=PERIOD_S, chunk_frames=2)
    assert effort.level is levels[2]
    assert _spend(effort, 0.02, NUM_OBSERVED) == [levels[1]]
    assert _spend(effort, 0.02, NUM_OBSERVED) == [levels[0]]
    busy = Effort(levels, period_s=PERIOD_S, chunk_frames=2)
    assert _spend(busy, 0.033, 1000) == []
    assert busy.level is levels[2]


def test_what_did_not_last_in_a_climb_is_not_tried_again_at_once() -> None:
    levels = (Level(1, 1, 0.01), Level(0, 1, 0.0))
    effort = Effort(levels, period_s=PERIOD_S, chunk_frames=2)
    assert _spend(effort, 0.02, NUM_OBSERVED) == [levels[0]]
    assert _spend(effort, 0.05, NUM_OBSERVED) == [levels[1]]
    assert _spend(effort, 0.02, PATIENCE_CHUNKS - 1) == []
    assert _spend(effort, 0.02, 1) == [levels[0]]
