"""Tests that need no torch."""
