"""Traces: from a teacher, from public solutions, and by STaR with the answer known."""
