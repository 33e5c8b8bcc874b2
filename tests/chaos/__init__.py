"""The crash suite: faults on real processes while clients order, and a checker apart from the code it judges."""
