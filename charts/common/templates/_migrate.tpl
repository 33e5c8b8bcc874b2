{{/*
The schema, before the pods that need it. As a hook it reads only what exists before the release: no ServiceAccount, no
ConfigMap, and a policy of its own that comes first. As a Job it belongs to the release, and pods wait for the revision.
*/}}

{{- define "common.migrate" -}}
{{- $at := list . "migrate" -}}
{{- $spec := include "common.migrateSpec" . -}}
{{- if ne .Values.migrations.mode "none" }}
apiVersion: batch/v1
kind: Job
metadata:
  {{- if eq .Values.migrations.mode "hook" }}
  name: {{ include "common.fullname" . }}-migrate
  {{- else }}
  {{- /* A Job can not be changed, so another image, setting or release has another Job. */}}
  name: {{ include "common.fullname" . }}-migrate-{{ printf "%s/%d" $spec (int .Release.Revision) | sha256sum | trunc 10 }}
  {{- end }}
  labels:
    {{- include "common.labels" $at | nindent 4 }}
  {{- if eq .Values.migrations.mode "hook" }}
  annotations:
    {{- include "common.migrateHook" -5 | nindent 4 }}
  {{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end }}
{{- end }}

{{- define "common.migrateHook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "common.migrateSpec" -}}
{{- $at := list . "migrate" -}}
{{- /* In the same release the database may still be starting. */ -}}
backoffLimit: {{ eq .Values.migrations.mode "job" | ternary 10 1 }}
activeDeadlineSeconds: {{ int .Values.migrations.activeDeadlineSeconds }}
ttlSecondsAfterFinished: 86400
template:
  metadata:
    labels:
      {{- include "common.podLabels" $at | nindent 6 }}
    {{- with .Values.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- include "common.podSpec" $at | nindent 4 }}
    restartPolicy: {{ eq .Values.migrations.mode "job" | ternary "OnFailure" "Never" }}
    containers:
      - name: migrate
        args: [migrate]
        {{- include "common.container" $at | nindent 8 }}
        resources:
          {{- toYaml .Values.migrations.resources | nindent 10 }}
    volumes:
      {{- include "common.volumes" $at | trim | nindent 6 }}
{{- end }}
