"""Tests against torch, the reference."""
