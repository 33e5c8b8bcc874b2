{{/* Labels of a part that never change, so selectors may use them: (list $ "postgres") */}}
{{- define "dev-deps.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/part-of: waybill
{{- end }}

{{/* All labels of a part: (list $ "postgres") */}}
{{- define "dev-deps.labels" -}}
{{- $root := index . 0 -}}
{{ include "dev-deps.selector" . }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Reference of an image, the digest before the tag: (list $ .Values.postgres.image) */}}
{{- define "dev-deps.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $name := list ($root.Values.global.imageRegistry | default $image.registry) $image.repository | compact | join "/" -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* What every pod says about itself: (list $ 999), the user and group of its image */}}
{{- define "dev-deps.pod" -}}
{{- $root := index . 0 -}}
{{- $uid := index . 1 | int -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $uid }}
  runAsGroup: {{ $uid }}
  fsGroup: {{ $uid }}
  # A volume opened to its group again at each start would open the broker's cookie, which it then refuses.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* The security context of every container */}}
{{- define "dev-deps.container" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A claim's spec: (.Values.postgres.storage) */}}
{{- define "dev-deps.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .className }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}

{{/* The data of a Secret, encoded: a map of strings */}}
{{- define "dev-deps.data" -}}
{{- range $key, $value := . }}
{{ $key }}: {{ $value | b64enc }}
{{- end }}
{{- end }}
