{{/* What a person reads after an install: where it is, what it needs, what to do next, what to worry about. */}}

{{- define "common.notes" -}}
{{- $name := include "common.fullname" . -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} in namespace {{ .Release.Namespace }}: http://{{ $name }}:{{ include "common.webPort" . }}
{{- if .Values.httpRoute.enabled }}{{ range .Values.httpRoute.hostnames }}, https://{{ . }}{{ end }}{{ end }}
{{- if .Values.ingress.enabled }}{{ range .Values.ingress.hosts }}, https://{{ . }}{{ end }}{{ end }}
It reads these Secrets: {{ $secrets := list }}{{ range .Values.secrets }}{{ if .existingSecret }}{{ $secrets = append $secrets .existingSecret }}{{ end }}{{ end }}{{ $secrets | uniq | sortAlpha | join ", " }}

  kubectl -n {{ .Release.Namespace }} rollout status deployment/{{ $name }}-web
  helm -n {{ .Release.Namespace }} test {{ .Release.Name }}
  kubectl -n {{ .Release.Namespace }} port-forward service/{{ $name }} {{ include "common.webPort" . }}
{{- with include "common.warnings" . | trim }}

{{ . }}
{{- end }}
{{ end }}

{{- define "common.warnings" -}}
{{- if lt (int (include "common.leastReplicas" .Values.web)) 2 }}
WARNING: one web pod: it can not be replaced without failed requests when its node is lost.
{{- end }}
{{- if eq (int .Values.web.preStopSleepSeconds) 0 }}
WARNING: web.preStopSleepSeconds is 0: requests fail during every upgrade.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}
WARNING: networkPolicy.enabled is false: every pod of the cluster may call every process.
{{- end }}
{{- if and .Values.networkPolicy.enabled (get .Values.config "WAYBILL_TRACES_ENDPOINT") (not .Values.networkPolicy.edges.otlp.peers) }}
WARNING: config.WAYBILL_TRACES_ENDPOINT is set and networkPolicy.edges.otlp.peers is empty: no trace arrives.
{{- end }}
{{- if not .Values.readOnlyRootFilesystem }}
WARNING: readOnlyRootFilesystem is false: for development only.
{{- end }}
{{- if not .Values.image.digest }}
WARNING: the image is named by a tag, which can be moved; image.digest can not.
{{- end }}
{{- if eq .Values.migrations.mode "none" }}
WARNING: migrations.mode is none: pods get ready when somebody else has brought up the schema.
{{- end }}
{{- $threads := get .Values.config (printf "WAYBILL_%s_WEB_THREADS" (upper .Chart.Name)) | default 8 | int }}
{{- if lt (get .Values.config (printf "WAYBILL_%s_DATABASE_POOL_SIZE" (upper .Chart.Name)) | default 8 | int) $threads }}
WARNING: fewer database connections than the {{ $threads }} threads of a web worker: under load some requests wait for one.
{{- end }}
{{- end }}
