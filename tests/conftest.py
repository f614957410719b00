"""For all tests: no deadline per example, since machines that run tests beside other things stall."""

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
