{{/* Names, labels and image references. Most templates take a list: the root, and the process (web, relay, …). */}}

{{/* The chart's name and not the release's: one platform a namespace, and `auth` is `auth` in every release. */}}
{{- define "common.fullname" -}}
{{- .Values.fullnameOverride | default .Chart.Name -}}
{{- end }}

{{/* Labels that never change, for selectors: never the version or the chart. */}}
{{- define "common.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "common.labels" -}}
{{- $root := index . 0 -}}
{{ include "common.selectorLabels" . }}
app.kubernetes.io/part-of: waybill
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The digest wins over the tag, the tag is by default the version that the chart was made for. */}}
{{- define "common.image" -}}
{{- $image := .Values.image -}}
{{- $name := list (.Values.global.imageRegistry | default $image.registry) $image.repository | compact | join "/" -}}
{{- if $image.digest -}}
{{ $name }}{{ with $image.tag }}:{{ . }}{{ end }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The port of a process that answers /livez, /readyz and /metrics: a web process has it 1000 above its own. */}}
{{- define "common.internalPort" -}}
{{- $root := index . 0 -}}
{{- if eq (index . 1) "web" -}}
{{ add (include "common.webPort" $root) 1000 }}
{{- else -}}
{{ int $root.Values.config.WAYBILL_ADMIN_PORT }}
{{- end -}}
{{- end }}

{{- define "common.webPort" -}}
{{ int (get .Values.config (printf "WAYBILL_%s_WEB_PORT" (upper .Chart.Name))) }}
{{- end }}

{{/* Whether objects of a kind may be made: "auto" asks the cluster, true and false are obeyed. */}}
{{- define "common.isOffered" -}}
{{- $root := index . 0 -}}
{{- if eq (toString (index . 2)) "auto" -}}
{{- if $root.Capabilities.APIVersions.Has (index . 1) }}true{{ end -}}
{{- else if index . 2 -}}
true
{{- end -}}
{{- end }}
