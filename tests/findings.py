"""What tests of `dcrlog doctor` look for in its report."""

STEPS = ["versions", "settings", "dns", "tls", "clock", "credential", "token", "probe", "spool"]


def finding(told, step, state="fail"):
    """The one finding of a step that is in this state, as text."""
    found = [each for each in told["findings"] if (each["step"], each["state"]) == (step, state)]
    assert len(found) == 1, told["findings"]
    return f"{found[0]['text']} -> {found[0]['remedy']}"


def of(report, step):
    """The one finding of a step in a report that was not written."""
    (found,) = [each for each in report.findings if each.step == step]
    return found


def states(told):
    """The state of each step; of several of a step the worst."""
    order = ["ok", "skip", "warn", "fail"]
    found = {}
    for each in told["findings"]:
        found[each["step"]] = max(found.get(each["step"], "ok"), each["state"], key=order.index)
    return found
