"""nodeagent: is this machine set up right, is it as fast as we pay for, may it go to production?"""
