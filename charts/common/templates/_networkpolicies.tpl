{{/*
One NetworkPolicy a process, both ways; what it names not is refused. Which process has which edges stands in each
chart's `<chart>.edges`; where an edge leads stands in its values.
*/}}

{{- define "common.networkPolicies" -}}
{{- if .Values.networkPolicy.enabled }}
{{- range $process, $edges := include (printf "%s.edges" .Chart.Name) . | fromYaml }}
{{- if or (ne $process "migrate") (ne $.Values.migrations.mode "none") }}
{{ include "common.networkPolicy" (list $ $process $edges) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "common.networkPolicy" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $at := list $root $process -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" $root }}-{{ $process }}
  labels:
    {{- include "common.labels" $at | nindent 4 }}
  {{- if and (eq $process "migrate") (eq $root.Values.migrations.mode "hook") }}
  annotations:
    {{- include "common.migrateHook" -10 | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selectorLabels" $at | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with include "common.ingressRules" $at | trim }}
  ingress:
    {{- . | nindent 4 }}
  {{- end }}
  egress:
    {{- range $edge := concat (list "dns" "otlp") (index . 2) }}
    {{- if eq $edge "self" }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "common.selectorLabels" (list $root "web") | nindent 14 }}
      ports:
        - port: {{ include "common.webPort" $root }}
          protocol: TCP
    {{- else }}
    {{- include "common.egressRule" (get $root.Values.networkPolicy.edges $edge) | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* No peers is no rule: an empty `to` would allow every peer. */}}
{{- define "common.egressRule" -}}
{{- if .peers -}}
- to:
    {{- toYaml .peers | nindent 4 }}
  ports:
    {{- range $port := .ports }}
    - port: {{ int $port }}
      protocol: TCP
    {{- if eq (int $port) 53 }}
    - port: 53
      protocol: UDP
    {{- end }}
    {{- end }}
{{- end -}}
{{- end }}

{{- define "common.ingressRules" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $peers := $root.Values.networkPolicy -}}
{{- if eq $process "web" }}
- from:
    {{- with concat $peers.clients $peers.callers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - podSelector:
        matchLabels:
          app.kubernetes.io/part-of: waybill
          app.kubernetes.io/component: test
  ports:
    - port: {{ include "common.webPort" $root }}
      protocol: TCP
{{- end }}
{{- if and $peers.scrapers (not (has $process (list "migrate" "test"))) }}
- from:
    {{- toYaml $peers.scrapers | nindent 4 }}
  ports:
    - port: {{ include "common.internalPort" . }}
      protocol: TCP
{{- end }}
{{- end }}
