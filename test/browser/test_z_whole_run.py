"""Last by its name: what all the tests before it made the browser say and ask for."""


def test_no_request_left_the_origin(run):
    assert run.origins, "no test opened the page"
    foreign = {r for r in run.requests if not r.startswith(tuple(o + "/" for o in run.origins)) and not r.startswith(("data:", "about:", "blob:"))}
    assert foreign == set()


def test_no_error_on_the_console_and_no_report_of_the_policy(run):
    assert run.complaints == []
