"""Contrasts beside susceptibility that the same gradient-echo scan yields."""
