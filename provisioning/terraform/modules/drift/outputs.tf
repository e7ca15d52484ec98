# A check has nothing to hand on.
