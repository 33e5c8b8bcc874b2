{{/* Who scrapes what: the web by its Service, every other process by its pods. */}}

{{- define "common.monitors" -}}
{{- if include "common.isOffered" (list . "monitoring.coreos.com/v1/ServiceMonitor" .Values.monitoring.enabled) }}
{{- include "common.serviceMonitor" . }}
{{- include "common.podMonitor" . }}
{{- end }}
{{- end }}

{{- define "common.serviceMonitor" -}}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "web") | nindent 4 }}
    {{- with .Values.monitoring.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "common.selectorLabels" (list . "web") | nindent 6 }}
  endpoints:
    - port: internal
      {{- include "common.scrape" . | nindent 6 }}
{{- end }}

{{- define "common.podMonitor" }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "background") | nindent 4 }}
    {{- with .Values.monitoring.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- omit (include "common.selectorLabels" (list . "web") | fromYaml) "app.kubernetes.io/component" | toYaml | nindent 6 }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: [relay, consumer, worker]
  podMetricsEndpoints:
    - port: internal
      {{- include "common.scrape" . | nindent 6 }}
{{- end }}

{{- define "common.scrape" -}}
path: /metrics
interval: {{ .Values.monitoring.interval }}
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
    targetLabel: service
  - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
    targetLabel: process
{{- end }}
