"""The bug: a consumer acknowledges what it gets before it has done anything with it."""

import importlib.abc
import importlib.machinery
import sys
import time


class _Plant(importlib.abc.MetaPathFinder):
    """Waits for the consumer's module and changes what its subscription hands out."""

    target = "waybill_common.messaging.rabbitmq_subscription"

    def find_spec(self, name, path=None, target=None):
        """Let the real finders find it, then patch what they load."""
        if name != self.target:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def load_with_bug(module):
            load(module)
            from waybill_common.telemetry import fault_point

            subscription = module.RabbitSubscription
            receive, ack = subscription.receive, subscription.ack

            def receive_and_ack(self, *args, **kwargs):
                deliveries = receive(self, *args, **kwargs)
                for delivery in deliveries:
                    ack(self, delivery)
                if deliveries:
                    time.sleep(0.05)  # a consumer that does some work before it commits; the broker takes the acks in
                    fault_point("planted.after_ack")
                return deliveries

            subscription.receive = receive_and_ack
            subscription.ack = lambda self, *args, **kwargs: None

        spec.loader.exec_module = load_with_bug
        return spec


sys.meta_path.insert(0, _Plant())
