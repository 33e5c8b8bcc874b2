{{/* Settings: what is no secret is environment, what is one is a mounted file. */}}

{{/* A value as the environment has it; Helm reads every number as a float and would print 31622400 as 3.16224e+07. */}}
{{- define "common.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{- define "common.configData" -}}
{{- range $name, $value := .Values.config }}
{{ $name }}: {{ include "common.text" $value | quote }}
{{- end }}
{{- end }}

{{- define "common.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "config") | nindent 4 }}
data:
  {{- include "common.configData" . | trim | nindent 2 }}
{{- end }}

{{/* The secrets that a process reads, as YAML: the broker's, the mail server's and the clients' go to no other. */}}
{{- define "common.secretsOf" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $readers := dict
    "WAYBILL_AMQP_URL" (list "relay" "consumer")
    "WAYBILL_SMTP_URL" (list "worker")
    "WAYBILL_AUTH_CLIENTS" (list "migrate") -}}
{{- range $name, $secret := $root.Values.secrets }}
{{- if and $secret.existingSecret (has $process (get $readers $name | default (list $process))) }}
{{ $name }}: {{ $secret | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Files and not variables: a rotated Secret reaches the mounted file by itself and the next start of the process reads it,
with no new image and no new release, and it shows up neither in `kubectl describe` nor in a child's environment.
*/}}
{{- define "common.env" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- if eq $process "web" }}
- name: PROMETHEUS_MULTIPROC_DIR
  value: /run/metrics
- name: GUNICORN_CMD_ARGS
  value: --graceful-timeout={{ int $root.Values.web.gracefulTimeoutSeconds }}
{{- else }}
- name: PROMETHEUS_DISABLE_CREATED_SERIES
  value: "True"
{{- end }}
{{- if eq $process "migrate" }}
{{- /* A hook runs before this release's ConfigMap is there, or with the last release's. */}}
{{- range $name, $value := $root.Values.config }}
- name: {{ $name }}
  value: {{ include "common.text" $value | quote }}
{{- end }}
{{- end }}
{{- range $name, $_ := include "common.secretsOf" . | fromYaml }}
- name: {{ $name }}_FILE
  value: /run/secrets/waybill/{{ $name }}
{{- end }}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Refuses a variable that is set twice: server-side apply would, with a message that names no value. */}}
{{- define "common.checkEnv" -}}
{{- $root := index . 0 -}}
{{- $names := list -}}
{{- range include "common.env" . | fromYamlArray }}{{ $names = append $names .name }}{{ end -}}
{{- if ne (index . 1) "migrate" }}{{ $names = concat $names (keys $root.Values.config) }}{{ end -}}
{{- range $position, $name := $names }}
{{- if has $name (slice $names 0 $position) }}
{{- fail (printf "%s: %s is set twice; extraEnv may not repeat what config, secrets or the chart set" $root.Chart.Name $name) }}
{{- end }}
{{- end }}
{{- end }}
