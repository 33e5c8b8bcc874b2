"""Says what happened to whoever keeps books (metrics, logs); nothing here may change an outcome."""

from blinker import Signal

delivery_news = Signal("Sent with one domain.news.DeliveryNews after each attempt, once its result is committed.")
