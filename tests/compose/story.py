"""What every story starts from: the one hierarchy of this run, `self.h`."""

import unittest


class Story(unittest.TestCase):
    h = None  # Set by run_stories.py before the first story.

    def stand_again(self, *services):
        """Starts what a story stopped, also when the story fails."""
        def start():
            self.h.start(*services)
            self.h.await_healthy(*services)
        self.addCleanup(start)
