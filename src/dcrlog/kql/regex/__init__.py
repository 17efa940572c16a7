"""Regular expressions as KQL has them: the syntax of RE2, and an answer in bounded time.

Python's own engine tries every way to split a text among nested repetitions, which takes longer than anyone
waits for `(a+)+$`. A pattern goes to it only for texts so short that it cannot take long; else a matcher
of our own follows all ways at once. That one takes fifty times as long for what both can do, so that
neither can go.
"""

from dcrlog.kql.regex._pattern import Regex, compile_regex, escape
from dcrlog.kql.regex._syntax import RegexError

__all__ = ["Regex", "RegexError", "compile_regex", "escape"]
