"""A history of 3,000 jobs read through the stand-in of bench.listing; `python -m bench.listing` reads 500,000."""

from bench.listing import simulate


def test_a_history_is_read_within_half_of_the_quota_and_keeps_no_new_job_waiting() -> None:
    seen = simulate(3000, days=60, steady_hours=4, customer_rate=0.9)
    assert seen.most_requests_a_second == 1
    assert (seen.queued_twice, seen.ended_without_a_record, seen.requests_without_a_new_job) == (0, 0, 0)
    assert seen.recorded > seen.jobs
    assert seen.slowest_of_them_hours < 2
    assert (seen.customer_throttled, seen.customer_throttled_without_us) == (0, 0)
    assert seen.customer_throttled_while_reading < 0.05
