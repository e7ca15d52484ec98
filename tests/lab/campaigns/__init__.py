"""Campaigns that need a machine to lose its power, its devices or its link: a small guest, and what is done to it."""
