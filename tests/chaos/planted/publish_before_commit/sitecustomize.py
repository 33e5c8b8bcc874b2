"""The bug: orders publishes `order.placed` itself, before the transaction that places the order has committed."""

import importlib.abc
import importlib.machinery
import sys


class _Plant(importlib.abc.MetaPathFinder):
    """Waits for the module that places orders and publishes in front of it."""

    target = "waybill_orders.repositories.order_desk"

    def find_spec(self, name, path=None, target=None):
        """Let the real finders find it, then patch what they load."""
        if name != self.target:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def load_with_bug(module):
            load(module)
            import early_publisher

            early_publisher.plant(module)

        spec.loader.exec_module = load_with_bug
        return spec


sys.meta_path.insert(0, _Plant())
