"""What a dashboard is made of, and how it becomes the JSON that Grafana reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "bargauge", "heatmap", "table"]
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WHOLE_WIDTH = 24
_HEIGHT = 8


@dataclass(frozen=True)
class Panel:
    """`queries` maps each PromQL expression to its legend; ids never change, because alerts link to them."""

    id: int
    title: str
    description: str
    unit: str
    queries: Mapping[str, str]
    kind: Kind = "timeseries"
    width: int = 8
    thresholds: Sequence[float] = ()


@dataclass(frozen=True)
class Variable:
    """A choice at the top, with the values of a label."""

    name: str
    query: str


@dataclass(frozen=True)
class Dashboard:
    """`uid` is its address for ever; `annotations` maps a title to the expression that draws it."""

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return Grafana's document; without id, so that it belongs to no instance."""
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["waybill"],
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "",
            "links": [_links()],
            "templating": {"list": [_datasource(), *map(_variable, self.variables)]},
            "annotations": {"list": [_annotation(*item) for item in self.annotations.items()]},
            "panels": list(_placed(self.panels)),
        }


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """Lay panels out from left to right, line by line."""
    x = y = 0
    for panel in panels:
        if x + panel.width > _WHOLE_WIDTH:
            x, y = 0, y + _HEIGHT
        yield _panel(panel) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT}}
        x += panel.width


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "color": {"mode": "palette-classic"}}
    if panel.thresholds:
        steps = [{"color": "green", "value": None}, *({"color": "red", "value": one} for one in panel.thresholds)]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
        if panel.kind != "timeseries":
            defaults |= {"color": {"mode": "thresholds"}, "custom": {}}
    return {
        "id": panel.id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel.kind),
        "targets": [_target(panel, number, *query) for number, query in enumerate(panel.queries.items())],
    }


def _target(panel: Panel, number: int, expression: str, legend: str) -> dict[str, Any]:
    target = {
        "refId": chr(ord("A") + number),
        "datasource": _DATASOURCE,
        "expr": expression,
        "legendFormat": legend,
        "editorMode": "code",
        "range": panel.kind in ("timeseries", "heatmap"),
        "instant": panel.kind not in ("timeseries", "heatmap"),
    }
    formats = {"heatmap": "heatmap", "table": "table"}
    return target | ({"format": formats[panel.kind]} if panel.kind in formats else {})


def _options(kind: Kind) -> dict[str, Any]:
    last = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    options: dict[Kind, dict[str, Any]] = {
        "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "stat": last,
        "bargauge": {**last, "orientation": "horizontal", "displayMode": "gradient"},
        "heatmap": {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Blues", "mode": "scheme"}},
        "table": {"showHeader": True},
    }
    return options[kind]


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0}


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": variable.query, "refId": "variable"},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }


def _annotation(name: str, expression: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": _DATASOURCE,
        "enable": True,
        "expr": expression,
        "iconColor": "blue",
        "step": "60s",
        "titleFormat": name,
        "textFormat": "{{service}} {{version}} {{revision}}",
    }


def _links() -> dict[str, Any]:
    return {
        "title": "Waybill",
        "type": "dashboards",
        "tags": ["waybill"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }
