{{/* What every pod of a service has in common, hooks and tests too: hardening, image, environment, volumes. */}}

{{- define "common.podLabels" -}}
{{ include "common.selectorLabels" . }}
app.kubernetes.io/part-of: waybill
{{- with (index . 0).Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The restricted Pod Security profile; no token, and no `AUTH_PORT=tcp://…` of a Service in the environment. */}}
{{- define "common.podSpec" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- if not $root.Values.hostUsers }}
hostUsers: false
{{- end }}
{{- with concat ($root.Values.global.imagePullSecrets | default list) $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "common.securityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: {{ .Values.readOnlyRootFilesystem }}
capabilities:
  drop: [ALL]
{{- end }}

{{/* The part of a container that is the same for each process of the service. */}}
{{- define "common.container" -}}
{{- $root := index . 0 -}}
{{- include "common.checkEnv" . -}}
image: {{ include "common.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- if or (ne (index . 1) "migrate") $root.Values.extraEnvFrom }}
envFrom:
  {{- if ne (index . 1) "migrate" }}
  - configMapRef:
      name: {{ include "common.fullname" $root }}
  {{- end }}
  {{- with $root.Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
env:
  {{- include "common.env" . | trim | nindent 2 }}
securityContext:
  {{- include "common.securityContext" $root | nindent 2 }}
volumeMounts:
  {{- include "common.volumeMounts" . | trim | nindent 2 }}
{{- end }}

{{- define "common.volumeMounts" -}}
{{- $root := index . 0 -}}
- name: tmp
  mountPath: /tmp
{{- if eq (index . 1) "web" }}
- name: metrics
  mountPath: /run/metrics
{{- end }}
{{- if include "common.secretsOf" . | trim }}
- name: secrets
  mountPath: /run/secrets/waybill
  readOnly: true
{{- end }}
{{- with $root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "common.volumes" -}}
{{- $root := index . 0 -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- if eq (index . 1) "web" }}
- name: metrics
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- end }}
{{- with include "common.secretsOf" . | fromYaml }}
- name: secrets
  projected:
    defaultMode: 0444
    sources:
      {{- range $name, $secret := . }}
      - secret:
          name: {{ $secret.existingSecret }}
          items:
            - key: {{ $secret.key }}
              path: {{ $name }}
      {{- end }}
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "common.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "serviceaccount") | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
