"""The role that an identity needs before it may send."""

from typing import Final

PUBLISHER: Final = "3913510d-42f4-4e42-8a64-420c390055eb"
"""Monitoring Metrics Publisher, one of Azure's own; its id is the same in every tenant and cloud."""
