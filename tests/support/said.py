"""Findings of tests in plain words."""

from __future__ import annotations

from ec2rl.model import Statement, say


def said(words: str) -> Statement:
    """Say these words, whatever is in them."""
    return say("{words}", words=words)
