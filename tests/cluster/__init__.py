"""The platform on a real cluster: installed, rolled, broken, and judged by the crash suite's checker."""
